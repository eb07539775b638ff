/* What a series of checks found: each is ok, a warning or failed, with what was found and what to do.
 *
 * The functions that add may be called after a failure and then do nothing, so that whoever judges reads like
 * a list of judgements and checks once, at the end. Not for: showing it (checkup_report.h).
 */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* Most checks kept. */
#define CHECKUP_CHECKS 256

enum check_result {
    CHECK_OK,
    CHECK_WARNING, /* works, or could not be looked at */
    CHECK_FAILED,
};

#define CHECK_RESULTS 3

struct check {
    enum check_result result;
    char *name;    /* stable, for machines; owned */
    char *message; /* what was found; owned */
    char *advice;  /* what to do; NULL: nothing; owned */
};

struct checkup {
    struct check *items; /* owned array, in the order they were added */
    size_t count;
    size_t counts[CHECK_RESULTS]; /* how many ended with each result */
    enum error_code failure;      /* the first one, of adding or judging */
};

/* "ok", "warning", "failed". */
const char *check_result_name(enum check_result result);

/* Adds a check. Texts are copied. */
void checkup_add(struct checkup *checkup, enum check_result result, const char *name, const char *format, ...)
    _printf_(4, 5);

/* Says of the check that was added last what to do. */
void checkup_advise(struct checkup *checkup, const char *format, ...) _printf_(2, 3);

/* Remembers that whoever judges could not: the checkup is not complete. */
void checkup_fail(struct checkup *checkup, enum error_code code);

/* True when nothing failed so far; else sets ERROR_TOO_LARGE (past CHECKUP_CHECKS) or ERROR_NO_MEMORY. */
bool checkup_complete(const struct checkup *checkup, struct error *error) _warn_unused_result_;

/* Releases everything; accepts a zeroed struct. */
void checkup_done(struct checkup *checkup);
