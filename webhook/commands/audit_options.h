/* The options of whoever writes an audit log: `serve` and `review`. Not for: the options of `audit`, which
 * reads one. */
#pragma once

#include "common/buffer.h"
#include "webhook/audit/recorder.h"

/* Strings belong to argv. */
struct audit_options {
    struct audit_log_options log; /* directory NULL: nothing is recorded */
    enum audit_objects objects;
    bool is_given; /* any of them */
};

#define AUDIT_OPTIONS_DEFAULT                                                                                \
    {                                                                                                        \
        .log = {                                                                                             \
            .file_bytes = 64u << 20,                                                                         \
            .file_age_ms = 24u * 3600 * 1000,                                                                \
            .checkpoint_records = 1000,                                                                      \
            .checkpoint_interval_ms = 60000,                                                                 \
            .lock_wait_ms = 10000,                                                                           \
        }                                                                                                    \
    }

/* True when `name` (without dashes) is one of these options; then whether it is a switch. */
bool audit_options_know(const char *name, bool *is_switch);

/* Sets one of them. ERROR_INVALID naming it. */
bool audit_options_set(struct audit_options *options, const char *name, const char *value,
                       struct error *error) _warn_unused_result_;

/* Whether they go together. ERROR_INVALID. */
bool audit_options_check(const struct audit_options *options, struct error *error) _warn_unused_result_;

/* Appends a line for each. */
void audit_options_append_help(struct buffer *text);
