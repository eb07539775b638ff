/* Whether a namespaceSelector takes the namespace of the sandboxes. Private to doctor_*.c.
 */
#pragma once

#include "kubernetes/label_selector.h"

#define NAMESPACE_NAME_LABEL "kubernetes.io/metadata.name"

/* What to do about LABELS_UNKNOWN. */
#define NAMESPACE_LABELS_ADVICE "grant the verb get on namespaces, or run doctor as somebody who has it"

/* `labels`: the namespace's, an object; NULL: not known, so that only its name counts, which the API server
 * makes a label of. */
enum label_selection doctor_select_namespace(const cJSON *selector, const char *name, const cJSON *labels);
