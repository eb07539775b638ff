/* The two ways in which explain shows a decision. Private to explain*.c. */
#pragma once

#include "webhook/commands/input.h"
#include "webhook/injection/injection.h"

struct explanation {
    const struct input_object *object;
    const struct injection_result *result;
    const struct configuration *configuration;
    cJSON *before; /* a masked copy of the pod as it came; used up */
    bool is_coloured;
};

/* Paragraphs for a person. */
bool explain_append_text(const struct explanation *explanation, struct error *error,
                         struct buffer *buffer) _warn_unused_result_;

/* One JSON object on one line; members as in openshell-injector-explain(1). */
bool explain_append_json(const struct explanation *explanation, struct error *error,
                         struct buffer *buffer) _warn_unused_result_;
