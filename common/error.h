/* Errors: one struct, owned by the caller, usually on its stack.
 *
 * A fallible function returns bool, takes `struct error *error` after its inputs and before its results, and
 * writes results only on success. Context is put in front while the error travels up:
 *
 *     config "injector.yaml": supervisor.image: must not be empty
 *
 * Not for: logging (only main functions, routes and the gRPC adapter log) and not for denials, which are an
 * answer and not an error (webhook/injection/denial.h).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#define _warn_unused_result_ __attribute__((warn_unused_result))
#define _printf_(format_index, arguments_index)                                                              \
    __attribute__((__format__(__printf__, format_index, arguments_index)))

/* What kind of failure; each program maps these to HTTP statuses, gRPC statuses or exit codes in one place.
 */
enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,             /* the input is wrong: syntax, type, range, unknown key */
    ERROR_TOO_LARGE,           /* a named limit was passed */
    ERROR_NOT_FOUND,           /* the thing asked for does not exist */
    ERROR_ALREADY_EXISTS,      /* the thing to create exists */
    ERROR_CONFLICT,            /* somebody else changed it meanwhile: read again and retry */
    ERROR_GONE,                /* a resource version or continue token is too old: list again */
    ERROR_FAILED_PRECONDITION, /* the state of the system refuses it; retrying alone does not help */
    ERROR_PERMISSION_DENIED,   /* credentials or permissions are missing */
    ERROR_UNAVAILABLE,         /* a peer cannot be reached or is overloaded: retry later */
    ERROR_TIMEOUT,             /* a named time limit passed */
    ERROR_CANCELLED,           /* the caller asked to stop */
    ERROR_IO,                  /* the operating system refused: file, socket */
    ERROR_NO_MEMORY,           /* an allocation failed */
    ERROR_INTERNAL,            /* a defect of ours */
};

#define ERROR_MESSAGE_BYTES 512

struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_BYTES]; /* always terminated; longer text is cut */
};

/* Stable lower-case word for a code ("invalid", "not_found"), for logs and metrics. Never NULL. */
const char *error_code_name(enum error_code code);

/* Sets code and message; always returns false so that `return error_set(...)` reads well. `error` may be
 * NULL. */
bool error_set(struct error *error, enum error_code code, const char *format, ...) _printf_(3, 4);

/* The same, ending in ": " and strerror(errno_value). */
bool error_set_errno(struct error *error, enum error_code code, int errno_value, const char *format, ...)
    _printf_(4, 5);

/* error_set with ERROR_NO_MEMORY and the standard text. */
bool error_set_no_memory(struct error *error);

/* Puts "<formatted>: " in front of the message; returns false. `error` may be NULL. */
bool error_prefix(struct error *error, const char *format, ...) _printf_(2, 3);
