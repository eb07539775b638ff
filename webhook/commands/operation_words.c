#include "webhook/commands/operation_words.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/utf8.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/patch_replay.h"

#include <string.h>

/* More than any value of a pod that passed the limits of an input. */
#define VALUE_BYTES (64u * 1024 * 1024)

/* On one line, cut between characters. */
static void append_cut(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    size_t shown = 0;
    while (shown < length) {
        size_t character = utf8_sequence_length(text + shown, length - shown);
        if (character == 0)
            character = 1;
        if (shown + character > OPERATION_WORDS_BYTES)
            break;
        if ((unsigned char) text[shown] < ' ')
            buffer_append_character(buffer, ' ');
        else
            buffer_append(buffer, text + shown, character);
        shown += character;
    }
    if (shown < length)
        buffer_append_string(buffer, "...");
}

static bool is_list_of_strings(const cJSON *value)
{
    if (!cJSON_IsArray(value) || !value->child)
        return false;
    for (const cJSON *element = value->child; element; element = element->next) {
        if (!cJSON_IsString(element))
            return false;
    }
    return true;
}

static const char *string_member(const cJSON *object, const char *key)
{
    const cJSON *member = json_member(object, key);
    return cJSON_IsString(member) ? member->valuestring : NULL;
}

/* A variable, a mount, or anything else with a name. */
static bool describe_named(const cJSON *value, struct buffer *words)
{
    const char *name = string_member(value, "name");
    const char *variable = string_member(value, "value");
    const char *mount_path = string_member(value, "mountPath");
    if (!name)
        return false;
    buffer_append_string(words, name);
    if (mount_path)
        buffer_append_format(words, " at %s", mount_path);
    else if (variable)
        buffer_append_format(words, "=%s", variable);
    return true;
}

static bool describe(const cJSON *value, struct error *error, struct buffer *words)
{
    if (cJSON_IsString(value)) {
        buffer_append_string(words, value->valuestring);
    } else if (is_list_of_strings(value)) {
        for (const cJSON *element = value->child; element; element = element->next)
            buffer_append_format(words, "%s%s", element == value->child ? "" : " ", element->valuestring);
    } else if (!describe_named(value, words)) {
        _cleanup_(freep) char *text = NULL;
        if (!json_print(value, false, error, &text))
            return false;
        buffer_append_string(words, text);
    }
    return buffer_check(words, error);
}

static bool put_value(const cJSON *value, struct error *error, char **result)
{
    _cleanup_(buffer_done) struct buffer words = BUFFER_INIT(VALUE_BYTES);
    _cleanup_(buffer_done) struct buffer cut = BUFFER_INIT(VALUE_BYTES);
    if (!describe(value, error, &words))
        return false;
    append_cut(&cut, buffer_string(&words));
    return buffer_take(&cut, error, result);
}

static bool put_new_value(const char *text, struct error *error, char **result)
{
    const struct json_limits limits = {.bytes = strlen(text), .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    return json_parse(text, limits.bytes, &limits, error, &value) && masking_apply(value, error) &&
           put_value(value, error, result);
}

bool operation_words_read(cJSON *pod, const struct injection_operation *operation, struct error *error,
                          struct operation_words *words)
{
    _cleanup_(cJSON_Deletep) cJSON *removed = NULL;
    _cleanup_(freep) char *before = NULL;
    _cleanup_(freep) char *after = NULL;
    if (!patch_replay(pod, operation, error, &removed) || (removed && !put_value(removed, error, &before)) ||
        (operation->value && !put_new_value(operation->value, error, &after)))
        return false;
    *words = (struct operation_words){.before = take_pointer(&before), .after = take_pointer(&after)};
    return true;
}

void operation_words_done(struct operation_words *words)
{
    free(words->before);
    free(words->after);
    *words = (struct operation_words){0};
}

bool operation_words_append(cJSON *pod, const struct injection_operation *operation, struct error *error,
                            struct buffer *buffer)
{
    _cleanup_(operation_words_done) struct operation_words words = {0};
    if (!operation_words_read(pod, operation, error, &words))
        return false;
    buffer_append_format(buffer, "%s%s%s", words.before ? words.before : "",
                         words.before && words.after ? " -> " : "", words.after ? words.after : "");
    return buffer_check(buffer, error);
}
