#include "common/error.h"

#include <stdio.h>
#include <string.h>

const char *error_code_name(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return "none";
    case ERROR_INVALID:
        return "invalid";
    case ERROR_TOO_LARGE:
        return "too_large";
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_ALREADY_EXISTS:
        return "already_exists";
    case ERROR_CONFLICT:
        return "conflict";
    case ERROR_GONE:
        return "gone";
    case ERROR_FAILED_PRECONDITION:
        return "failed_precondition";
    case ERROR_PERMISSION_DENIED:
        return "permission_denied";
    case ERROR_UNAVAILABLE:
        return "unavailable";
    case ERROR_TIMEOUT:
        return "timeout";
    case ERROR_CANCELLED:
        return "cancelled";
    case ERROR_IO:
        return "io";
    case ERROR_NO_MEMORY:
        return "no_memory";
    case ERROR_INTERNAL:
        return "internal";
    }
    return "unknown";
}

bool error_set(struct error *error, enum error_code code, const char *format, ...)
{
    if (!error)
        return false;
    /* The arguments may point into the old message: format beside it first. */
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error->code = code;
    memcpy(error->message, message, sizeof message);
    return false;
}

bool error_set_errno(struct error *error, enum error_code code, int errno_value, const char *format, ...)
{
    if (!error)
        return false;
    char context[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    char reason[128];
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    return error_set(error, code, "%s: %s", context, text);
}

bool error_set_no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "out of memory");
}

bool error_prefix(struct error *error, const char *format, ...)
{
    if (!error)
        return false;
    char context[ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    return error_set(error, error->code, "%s: %s", context, error->message);
}
