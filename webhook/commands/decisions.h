/* What render and explain have in common: the configuration, the objects that a person gives, and the
 * injection's decision on each.
 */
#pragma once

#include "webhook/commands/command_line.h"
#include "webhook/commands/input.h"
#include "webhook/injection/injection.h"

struct decisions {
    struct configuration *configuration;
    struct input input;
    struct injection_result *results; /* one for each object of the input, in its order; owned */
    size_t count;
    cJSON *before; /* array of masked copies (masking.h) of the objects as they came, or NULL; owned */
};

/* Loads the configuration, reads the files named as operands, decides on each object and edits the pods that
 * are injected, in place. Objects that are no pods are skipped. `keeps_before` asks for the copies. Errors
 * name the file and the document. The caller owns `*decisions` (decisions_done). */
bool decisions_make(const struct command_line *line, bool keeps_before, struct error *error,
                    struct decisions *decisions) _warn_unused_result_;

/* True when at least one pod is denied. */
bool decisions_deny(const struct decisions *decisions);

/* Releases everything; accepts a zeroed struct. */
void decisions_done(struct decisions *decisions);

/* Appends `Pod openshell/default--sandbox`: kind, namespace and name as far as they are there. */
void decisions_append_name(const struct input_object *object, struct buffer *buffer);
