/* The rules that concern several options together.
 *
 * Private to webhook/injection/configuration*.c; the rules for single values are in configuration_check.h.
 * Source: contract/supervised-pod.md H.6 and H.7.
 */
#pragma once

#include "webhook/injection/configuration.h"

struct configuration_constraint {
    bool (*is_broken)(const struct configuration *configuration);
    const char *key;   /* of the option that is blamed */
    const char *other; /* of the one to blame when that has its default, or NULL */
    const char *message;
};

/* The first constraint that the configuration breaks, or NULL. */
const struct configuration_constraint *
configuration_broken_constraint(const struct configuration *configuration);
