#include "webhook/injection/denial.h"

#include "common/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DENIAL_FIELD_BYTES 1024

static bool append_denial(struct denial_list *list, const struct denial *denial)
{
    if (!list->items) {
        list->items = calloc(DENIAL_LIMIT, sizeof *list->items);
        if (!list->items)
            return false;
    }
    list->items[list->count++] = *denial;
    return true;
}

bool denial_list_add(struct denial_list *list, const char *reason, const struct json_path *path,
                     struct error *error, const char *format, ...)
{
    if (list->count == DENIAL_LIMIT) {
        list->dropped++;
        return true;
    }
    struct buffer field_text = BUFFER_INIT(DENIAL_FIELD_BYTES);
    json_path_append_field(path, &field_text);
    if (field_text.failure == ERROR_TOO_LARGE) /* a hostile key: what fitted names it well enough */
        field_text.failure = ERROR_NONE;
    _cleanup_(freep) char *field = NULL;
    bool has_field = buffer_take(&field_text, error, &field);
    buffer_done(&field_text);
    if (!has_field)
        return false;

    _cleanup_(freep) char *message = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (length < 0) {
        message = NULL;
        return error_set_no_memory(error);
    }
    if (!append_denial(list, &(struct denial){.reason = reason, .field = field, .message = message}))
        return error_set_no_memory(error);
    field = message = NULL; /* owned by the list now */
    return true;
}

void denial_list_done(struct denial_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].field);
        free(list->items[i].message);
    }
    free(list->items);
    *list = (struct denial_list){0};
}
