/* What a record of type "decision" says, made from the event while the request is at hand. Reading it:
 * decision_record.h.
 */
#pragma once

#include "webhook/admission/recorder.h"
#include "webhook/audit/record_draft.h"

/* Begins, fills and seals `draft`. What would pass AUDIT_RECORD_BYTES is left out, first the object, then the
 * patch, and `omitted` names it. ERROR_TOO_LARGE when the rest does all the same, ERROR_NO_MEMORY. Needs
 * record_draft_done whatever happened. */
bool decision_draft_make(const struct admission_event *event, const struct audit_identity *identity,
                         struct error *error, struct record_draft *draft) _warn_unused_result_;
