#include "webhook/audit/head.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/text.h"

#include <string.h>

#define HEAD_DEPTH 4

bool audit_is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static void append_number(struct buffer *text, const char *key, uint64_t value)
{
    json_append_name(text, key);
    buffer_append_integer(text, (int64_t) value);
}

static void append_checkpoint(const struct audit_signed_state *checkpoint, struct buffer *text)
{
    buffer_append_string(text, ",\"checkpoint\":{\"sequence\":");
    buffer_append_integer(text, (int64_t) checkpoint->sequence);
    json_append_member(text, "previous", checkpoint->previous);
    json_append_member(text, "keyId", checkpoint->key_id);
    json_append_member(text, "publicKey", checkpoint->public_key);
    json_append_member(text, "signature", checkpoint->signature);
    buffer_append_character(text, '}');
}

static void append_gap(const struct audit_gap *gap, struct buffer *text)
{
    buffer_append_string(text, ",\"gap\":{\"dropped\":");
    buffer_append_integer(text, (int64_t) gap->dropped);
    json_append_member(text, "since", gap->since);
    json_append_member(text, "until", gap->until);
    json_append_member(text, "reason", gap->reason);
    buffer_append_character(text, '}');
}

bool audit_head_print(const struct audit_head *head, struct error *error,
                      char result[static AUDIT_HEAD_BYTES])
{
    struct buffer text = BUFFER_INIT(AUDIT_HEAD_BYTES - 1);
    buffer_lend(&text, result, AUDIT_HEAD_BYTES);
    buffer_append_string(&text, "{\"version\":1");
    json_append_member(&text, "chain", head->chain);
    append_number(&text, "sequence", head->position.sequence);
    json_append_member(&text, "hash", head->position.hash);
    append_number(&text, "fileOpened", (uint64_t) head->file_opened);
    if (*head->key_id)
        json_append_member(&text, "keyId", head->key_id);
    if (head->checkpoint.sequence)
        append_checkpoint(&head->checkpoint, &text);
    if (head->gap.dropped)
        append_gap(&head->gap, &text);
    buffer_append_character(&text, '}');
    if (!buffer_check(&text, error))
        return error_set(error, ERROR_INTERNAL, "the log's head is too long");
    memset(result + text.length, ' ', AUDIT_HEAD_BYTES - text.length);
    result[AUDIT_HEAD_BYTES - 1] = '\n';
    return true;
}

/* A string member of less than `size` bytes; `digits`: exactly so many hexadecimal ones; 0: any text. */
static bool read_text(const cJSON *object, const struct json_path *path, const char *key, size_t digits,
                      size_t size, struct error *error, char *target)
{
    const char *value;
    if (!json_require_string(object, path, key, error, &value))
        return false;
    if (strlen(value) >= size || (digits && !audit_is_hex(value, digits)))
        return json_set_invalid(error, JSON_MEMBER(path, key), "is not of the form it is written in");
    memcpy(target, value, strlen(value) + 1);
    return true;
}

#define READ_HEX(object, path, key, error, target)                                                           \
    read_text(object, path, key, sizeof(target) - 1, sizeof(target), error, target)
#define READ_TEXT(object, path, key, error, target)                                                          \
    read_text(object, path, key, 0, sizeof(target), error, target)

static bool read_number(const cJSON *object, const struct json_path *path, const char *key, int64_t minimum,
                        struct error *error, uint64_t *target)
{
    int64_t number;
    if (!json_read_integer(object, path, key, minimum, INT64_MAX, -1, error, &number))
        return false;
    if (number < 0)
        return json_set_invalid(error, JSON_MEMBER(path, key), "must be there");
    *target = (uint64_t) number;
    return true;
}

/* The members have the same names in the head and in the record. */
static bool read_signed_state(const cJSON *object, const struct json_path *path, struct error *error,
                              struct audit_signed_state *checkpoint)
{
    return read_number(object, path, "sequence", 1, error, &checkpoint->sequence) &&
           READ_HEX(object, path, "previous", error, checkpoint->previous) &&
           READ_HEX(object, path, "keyId", error, checkpoint->key_id) &&
           READ_TEXT(object, path, "publicKey", error, checkpoint->public_key) &&
           READ_TEXT(object, path, "signature", error, checkpoint->signature);
}

static bool read_checkpoint(const cJSON *tree, struct error *error, struct audit_signed_state *checkpoint)
{
    cJSON *object;
    if (!json_read_object(tree, JSON_ROOT, "checkpoint", error, &object))
        return false;
    return !object || read_signed_state(object, JSON_MEMBER(JSON_ROOT, "checkpoint"), error, checkpoint);
}

static bool read_gap(const cJSON *tree, struct error *error, struct audit_gap *gap)
{
    cJSON *object;
    const struct json_path *path = JSON_MEMBER(JSON_ROOT, "gap");
    if (!json_read_object(tree, JSON_ROOT, "gap", error, &object))
        return false;
    return !object || (read_number(object, path, "dropped", 1, error, &gap->dropped) &&
                       READ_TEXT(object, path, "since", error, gap->since) &&
                       READ_TEXT(object, path, "until", error, gap->until) &&
                       READ_TEXT(object, path, "reason", error, gap->reason));
}

bool audit_head_parse(const char *text, size_t length, struct error *error, struct audit_head *head)
{
    const struct json_limits limits = {.bytes = AUDIT_HEAD_BYTES, .depth = HEAD_DEPTH};
    struct audit_head parsed = {.file_opened = 0};
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    uint64_t version, opened;
    if (length != AUDIT_HEAD_BYTES)
        return error_set(error, ERROR_INVALID, "must be %d bytes long", AUDIT_HEAD_BYTES);
    if (!json_parse(text, length, &limits, error, &tree) ||
        !read_number(tree, JSON_ROOT, "version", 1, error, &version) ||
        !READ_HEX(tree, JSON_ROOT, "chain", error, parsed.chain) ||
        !read_number(tree, JSON_ROOT, "sequence", 0, error, &parsed.position.sequence) ||
        !READ_HEX(tree, JSON_ROOT, "hash", error, parsed.position.hash) ||
        !read_number(tree, JSON_ROOT, "fileOpened", 0, error, &opened) ||
        (json_member(tree, "keyId") && !READ_HEX(tree, JSON_ROOT, "keyId", error, parsed.key_id)) ||
        !read_checkpoint(tree, error, &parsed.checkpoint) || !read_gap(tree, error, &parsed.gap))
        return false;
    if (version != 1)
        return error_set(error, ERROR_INVALID, "version: must be 1");
    parsed.file_opened = (int64_t) opened;
    *head = parsed;
    return true;
}

bool audit_head_follow(const cJSON *record, struct error *error, struct audit_head *head)
{
    const char *type;
    if (!json_require_string(record, JSON_ROOT, "type", error, &type))
        return false;
    if (strcmp(type, "checkpoint") == 0) {
        if (!read_signed_state(record, JSON_ROOT, error, &head->checkpoint))
            return false;
        TEXT_COPY(head->key_id, head->checkpoint.key_id);
    } else if (strcmp(type, "key-rotation") == 0) {
        return READ_HEX(record, JSON_ROOT, "newKeyId", error, head->key_id);
    } else if (strcmp(type, "gap") == 0) {
        head->gap = (struct audit_gap){0};
    }
    return true;
}
