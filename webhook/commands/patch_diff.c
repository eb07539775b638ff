#include "webhook/commands/patch_diff.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/commands/masking.h"
#include "webhook/commands/terminal.h"
#include "webhook/commands/text_table.h"

#include <string.h>

#define PATCH_BYTES (16u * 1024 * 1024)

static bool append_operation(const cJSON *operation, bool is_added, bool is_coloured, struct error *error,
                             struct buffer *buffer)
{
    char *text = NULL;
    _cleanup_(cJSON_Deletep) cJSON *shown = cJSON_Duplicate(operation, true);
    if (!shown)
        return error_set_no_memory(error);
    if (!masking_apply(shown, error) || !json_print(shown, false, error, &text))
        return false;
    if (is_coloured)
        buffer_append_string(buffer, is_added ? TERMINAL_GREEN : TERMINAL_RED);
    buffer_append_string(buffer, is_added ? "+ " : "- ");
    text_table_append_plain(buffer, text);
    if (is_coloured)
        buffer_append_string(buffer, TERMINAL_PLAIN);
    buffer_append_character(buffer, '\n');
    cJSON_free(text);
    return buffer_check(buffer, error);
}

/* The operations from `from` to before `to`, both counted from the beginning. */
static bool append_range(const cJSON *patch, int from, int to, bool is_added, bool is_coloured,
                         struct error *error, struct buffer *buffer)
{
    int at = 0;
    for (const cJSON *operation = patch ? patch->child : NULL; operation && at < to;
         operation = operation->next, at++)
        if (at >= from && !append_operation(operation, is_added, is_coloured, error, buffer))
            return false;
    return true;
}

static int count_same_beginning(const cJSON *before, const cJSON *after)
{
    int count = 0;
    const cJSON *left = before ? before->child : NULL;
    const cJSON *right = after ? after->child : NULL;
    for (; left && right && json_equal(left, right); left = left->next, right = right->next)
        count++;
    return count;
}

/* At most `limit`. In cJSON's lists the first element's `prev` is the last. */
static int count_same_end(const cJSON *before, const cJSON *after, int limit)
{
    int count = 0;
    const cJSON *left = before && before->child ? before->child->prev : NULL;
    const cJSON *right = after && after->child ? after->child->prev : NULL;
    for (; count < limit && json_equal(left, right); left = left->prev, right = right->prev)
        count++;
    return count;
}

bool patch_diff_append(const cJSON *before, const cJSON *after, bool is_coloured, struct error *error,
                       struct buffer *buffer)
{
    int before_count = before ? cJSON_GetArraySize(before) : 0;
    int after_count = after ? cJSON_GetArraySize(after) : 0;
    int beginning = count_same_beginning(before, after);
    int shorter = before_count < after_count ? before_count : after_count;
    int end = count_same_end(before, after, shorter - beginning);
    return append_range(before, beginning, before_count - end, false, is_coloured, error, buffer) &&
           append_range(after, beginning, after_count - end, true, is_coloured, error, buffer);
}

bool patch_diff_read(const char *base64, size_t length, struct error *error, cJSON **patch)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PATCH_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *parsed = NULL;
    if (length == 0)
        buffer_append_string(&text, "[]");
    else if (!base64_decode(base64, length, error, &text))
        return error_prefix(error, "patch");
    const struct json_limits limits = {.bytes = PATCH_BYTES, .depth = JSON_DEPTH_MAXIMUM};
    if (!buffer_check(&text, error) || !json_parse(text.data, text.length, &limits, error, &parsed))
        return error_prefix(error, "patch");
    if (!cJSON_IsArray(parsed))
        return error_set(error, ERROR_INVALID, "patch: must be an array");
    *patch = take_pointer(&parsed);
    return true;
}
