/* What the webhook adds to be recognised: the annotations openshell.ai/injection and
 * openshell.ai/injected-by, and how a pod of our own is told on a second pass. Source: contract/decisions.md
 * section 2.
 */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

#define ANNOTATION_INJECTION "openshell.ai/injection"
#define ANNOTATION_INJECTED_BY "openshell.ai/injected-by"

/* How much of the configuration's digest the annotation holds. */
#define MARKS_DIGEST_CHARACTERS 16

/* The agent's command is exactly the planned one. */
bool marks_has_command(const struct plan *plan);

/* The supervisor's volume and the annotation are there. */
bool marks_are_present(const struct plan *plan);

/* Ensures the annotations (with the sandbox's id among them). */
void marks_apply(struct plan *plan, struct editor *editor);
