/* Records decisions of admission in an audit log: the recorder that `serve` and `review` put in front of
 * their answers.
 */
#pragma once

#include "webhook/admission/recorder.h"
#include "webhook/audit/audit_log.h"
#include "webhook/audit/configuration_archive.h"

/* What records hold of the objects themselves. */
enum audit_objects {
    AUDIT_OBJECTS_NONE,     /* the digest alone */
    AUDIT_OBJECTS_REDACTED, /* without the values of environment variables */
    AUDIT_OBJECTS_WHOLE,
};

struct audit_recorder {
    struct audit_log *log;
    enum audit_objects objects;
    bool is_required;
    struct configuration_archive archive;
    struct admission_recorder admission; /* what admission is given */
};

/* `log`, which was opened with `options`, and the recorder outlive their use. Needs audit_recorder_done. */
void audit_recorder_init(struct audit_recorder *recorder, struct audit_log *log,
                         const struct audit_log_options *options, enum audit_objects objects);
void audit_recorder_done(struct audit_recorder *recorder);
