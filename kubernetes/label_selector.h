/* Label selectors as objects carry them: matchLabels and matchExpressions. Pure.
 *
 * Not for: the text of a selector in a list's query (kubernetes/objects.h).
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Whether `selector` (NULL or empty: everything) selects an object with these labels, an object of strings
 * (NULL: none). A requirement that is malformed selects nothing. */
bool label_selector_matches(const cJSON *selector, const cJSON *labels);

enum label_selection {
    LABELS_SELECTED,
    LABELS_NOT_SELECTED,
    LABELS_UNKNOWN, /* it depends on labels that are not known */
};

/* The same for an object of which the label `key` alone is known: its value is `value`. */
enum label_selection label_selector_select(const cJSON *selector, const char *key, const char *value);
