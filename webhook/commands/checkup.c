#include "webhook/commands/checkup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *check_result_name(enum check_result result)
{
    switch (result) {
    case CHECK_OK:
        return "ok";
    case CHECK_WARNING:
        return "warning";
    case CHECK_FAILED:
        return "failed";
    }
    return "unknown";
}

static void check_done(struct check *check)
{
    free(check->name);
    free(check->message);
    free(check->advice);
}

/* NULL for want of memory. */
static char *format_text(const char *format, va_list arguments) _printf_(1, 0);
static char *format_text(const char *format, va_list arguments)
{
    char *text = NULL;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void checkup_fail(struct checkup *checkup, enum error_code code)
{
    if (checkup->failure == ERROR_NONE)
        checkup->failure = code;
}

/* Room for one more. */
static bool reserve(struct checkup *checkup)
{
    if (checkup->count == CHECKUP_CHECKS)
        checkup_fail(checkup, ERROR_TOO_LARGE);
    if (checkup->failure != ERROR_NONE)
        return false;
    struct check *items = realloc(checkup->items, (checkup->count + 1) * sizeof *items);
    if (items)
        checkup->items = items;
    else
        checkup_fail(checkup, ERROR_NO_MEMORY);
    return items;
}

void checkup_add(struct checkup *checkup, enum check_result result, const char *name, const char *format, ...)
{
    va_list arguments;
    if (!reserve(checkup))
        return;
    va_start(arguments, format);
    struct check added = {.result = result, .name = strdup(name), .message = format_text(format, arguments)};
    va_end(arguments);
    if (!added.name || !added.message) {
        check_done(&added);
        checkup_fail(checkup, ERROR_NO_MEMORY);
        return;
    }
    checkup->items[checkup->count++] = added;
    checkup->counts[result]++;
}

void checkup_advise(struct checkup *checkup, const char *format, ...)
{
    va_list arguments;
    if (checkup->failure != ERROR_NONE || checkup->count == 0)
        return;
    struct check *last = &checkup->items[checkup->count - 1];
    free(last->advice);
    va_start(arguments, format);
    last->advice = format_text(format, arguments);
    va_end(arguments);
    if (!last->advice)
        checkup_fail(checkup, ERROR_NO_MEMORY);
}

bool checkup_complete(const struct checkup *checkup, struct error *error)
{
    if (checkup->failure == ERROR_TOO_LARGE)
        return error_set(error, ERROR_TOO_LARGE, "more than %d checks", CHECKUP_CHECKS);
    return checkup->failure == ERROR_NONE || error_set_no_memory(error);
}

void checkup_done(struct checkup *checkup)
{
    for (size_t i = 0; i < checkup->count; i++)
        check_done(&checkup->items[i]);
    free(checkup->items);
    *checkup = (struct checkup){0};
}
