#include "webhook/commands/report_operations.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json.h"
#include "webhook/audit/redaction.h"
#include "webhook/commands/masking.h"

#include <stdio.h>
#include <string.h>

#define PATCH_BYTES (32u * 1024 * 1024)
#define DIGESTS_BYTES (1024u * 1024 * 1024)

void report_operations_init(struct report_operations *operations)
{
    *operations = (struct report_operations){
        .operations = KEY_INDEX_INIT(REPORT_OPERATIONS_BYTES),
        .shapes = KEY_INDEX_INIT(REPORT_OPERATIONS_BYTES),
        .patches = KEY_INDEX_INIT(DIGESTS_BYTES),
        .objects = KEY_INDEX_INIT(REPORT_OBJECTS_BYTES),
        .reasons = REASONS_INIT,
    };
}

void report_operations_done(struct report_operations *operations)
{
    key_index_done(&operations->operations);
    key_index_done(&operations->shapes);
    key_index_done(&operations->patches);
    key_index_done(&operations->objects);
    reasons_done(&operations->reasons);
    free(operations->shape_of_patch);
    operations->shape_of_patch = NULL;
}

/* Whether the word may be marked: long enough to mean something, and without what JSON would escape. */
static size_t markable_length(const char *word)
{
    size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return word[length] == '\0' && length >= REPORT_MARK_LEAST_BYTES ? length : 0;
}

static bool begins_with(const char *text, const char *word, size_t word_length)
{
    return word_length && *text == *word && strncmp(text, word, word_length) == 0;
}

/* How much of JSON text belongs together at `text`: an escape is never cut. */
static size_t unit_length(const char *text)
{
    if (text[0] != '\\' || !text[1])
        return 1;
    return text[1] == 'u' ? strnlen(text, sizeof "\\u0000" - 1) : 2;
}

/* Appends JSON text with marks in place of id and name, inside strings alone: the text is JSON with escaped
 * marks as it is without. A mark itself cannot be in it, since JSON escapes it. */
static void append_marked(struct buffer *buffer, const char *text, const struct audit_decision *decision,
                          bool is_escaped)
{
    size_t id_length = markable_length(decision->sandbox_id);
    size_t name_length = markable_length(decision->sandbox_name);
    const char *id_mark = is_escaped ? "\\u0001" : "\001", *name_mark = is_escaped ? "\\u0002" : "\002";
    const char *plain = text;
    bool is_in_string = false;
    while (*text) {
        is_in_string ^= *text == '"';
        bool is_id = is_in_string && begins_with(text, decision->sandbox_id, id_length);
        bool is_name = is_in_string && !is_id && begins_with(text, decision->sandbox_name, name_length);
        if (!is_id && !is_name) {
            text += unit_length(text);
            continue;
        }
        buffer_append(buffer, plain, (size_t) (text - plain));
        buffer_append_string(buffer, is_id ? id_mark : name_mark);
        plain = text += is_id ? id_length : name_length;
    }
    buffer_append(buffer, plain, (size_t) (text - plain));
}

/* ERROR_TOO_LARGE of an index means that there is no more room for what this text is about. */
static bool add_key(struct key_index *index, const struct buffer *text, struct error *error, long *number)
{
    size_t found = key_index_find(index, buffer_string(text));
    if (!buffer_check(text, error))
        return false;
    if (found == KEY_INDEX_NONE && index->texts.length + text->length >= index->texts.maximum) {
        *number = REPORT_LEFT_OUT;
        return true;
    }
    if (!key_index_add(index, buffer_string(text), error, &found))
        return false;
    *number = (long) found;
    return true;
}

static bool add_operation(struct report_operations *operations, const cJSON *operation,
                          const struct audit_decision *decision, struct error *error, long *number)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PATCH_BYTES);
    _cleanup_(buffer_done) struct buffer entry = BUFFER_INIT(PATCH_BYTES);
    const char *reason;
    if (!reasons_find(&operations->reasons, operation, error, &reason))
        return false;
    json_append(&text, operation);
    buffer_append_string(&entry, "{\"operation\":");
    append_marked(&entry, buffer_string(&text), decision, true);
    buffer_append_string(&entry, ",\"reason\":");
    json_append_string(&entry, reason ? reason : "");
    buffer_append_character(&entry, '}');
    return buffer_check(&text, error) && add_key(&operations->operations, &entry, error, number);
}

static bool add_shape(struct report_operations *operations, const cJSON *patch,
                      const struct audit_decision *decision, struct error *error, long *shape)
{
    _cleanup_(buffer_done) struct buffer list = BUFFER_INIT(PATCH_BYTES);
    if (!reasons_learn_decision(&operations->reasons, decision, decision->object, patch, error))
        return false;
    for (const cJSON *operation = patch->child; operation; operation = operation->next) {
        long number;
        if (!add_operation(operations, operation, decision, error, &number))
            return false;
        if (number == REPORT_LEFT_OUT) {
            *shape = REPORT_LEFT_OUT;
            return true;
        }
        buffer_append_format(&list, "%s%ld", list.length ? "," : "", number);
    }
    return add_key(&operations->shapes, &list, error, shape);
}

static bool make_room(struct report_operations *operations, struct error *error)
{
    if (operations->patches.count < operations->reserved)
        return true;
    size_t reserved = operations->reserved ? operations->reserved * 2 : 256;
    long *shapes = realloc(operations->shape_of_patch, reserved * sizeof *shapes);
    if (!shapes)
        return error_set_no_memory(error);
    operations->shape_of_patch = shapes;
    operations->reserved = reserved;
    return true;
}

static bool parse_patch(const struct buffer *text, struct error *error, cJSON **tree)
{
    const struct json_limits limits = {.bytes = PATCH_BYTES, .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(cJSON_Deletep) cJSON *parsed = NULL;
    if (!json_parse(text->data, text->length, &limits, error, &parsed))
        return error_prefix(error, "patch");
    if (!cJSON_IsArray(parsed))
        return error_set(error, ERROR_INVALID, "patch: must be an array");
    if (!masking_apply(parsed, error))
        return false;
    *tree = take_pointer(&parsed);
    return true;
}

static bool digest_marked(const struct buffer *text, const struct audit_decision *decision,
                          struct error *error, char digest[static DIGEST_SHA256_HEX_BYTES])
{
    _cleanup_(buffer_done) struct buffer marked = BUFFER_INIT(PATCH_BYTES);
    append_marked(&marked, buffer_string(text), decision, false);
    return buffer_check(&marked, error) && digest_sha256_hex(marked.data, marked.length, error, digest);
}

bool report_operations_add_patch(struct report_operations *operations, const struct audit_decision *decision,
                                 struct error *error, struct report_patch *patch)
{
    *patch = (struct report_patch){.shape = REPORT_NONE, .number = KEY_INDEX_NONE};
    if (!*decision->patch)
        return true;
    char digest[DIGEST_SHA256_HEX_BYTES];
    size_t known = operations->patches.count;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PATCH_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    if (!base64_decode(decision->patch, strlen(decision->patch), error, &text) ||
        !digest_marked(&text, decision, error, digest) || !make_room(operations, error))
        return error_prefix(error, "patch");
    patch->number = key_index_find(&operations->patches, digest);
    if (patch->number != KEY_INDEX_NONE) {
        patch->shape = operations->shape_of_patch[patch->number];
        return true;
    }
    if (!parse_patch(&text, error, &tree) || !add_shape(operations, tree, decision, error, &patch->shape) ||
        !key_index_add(&operations->patches, digest, error, &patch->number))
        return false;
    operations->shape_of_patch[known] = patch->shape;
    patch->tree = take_pointer(&tree);
    return true;
}

bool report_operations_add_object(struct report_operations *operations, const struct audit_decision *decision,
                                  struct error *error, long *number)
{
    *number = REPORT_NONE;
    if (!decision->object)
        return true;
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PATCH_BYTES);
    _cleanup_(buffer_done) struct buffer marked = BUFFER_INIT(PATCH_BYTES);
    /* Values of the user's variables are secrets as often as not; kubectl keeps a copy of them. The tree is
     * the visitor's own. */
    if (!redaction_apply((cJSON *) decision->object, error))
        return false;
    json_append(&text, decision->object);
    append_marked(&marked, buffer_string(&text), decision, true);
    return buffer_check(&text, error) && add_key(&operations->objects, &marked, error, number);
}

void report_operations_fill(struct buffer *buffer, const char *text, const char *sandbox_id,
                            const char *sandbox_name)
{
    for (; *text; text++) {
        if (*text == REPORT_MARK_ID)
            buffer_append_string(buffer, sandbox_id);
        else if (*text == REPORT_MARK_NAME)
            buffer_append_string(buffer, sandbox_name);
        else
            buffer_append_character(buffer, *text);
    }
}
