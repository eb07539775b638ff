/* The check of the final pod: after every mutating webhook has had its turn, the injection must be there,
 * whole and unaltered. It is what the injection would still have to change. Private to webhook/admission/.
 */
#pragma once

#include "webhook/injection/injection.h"

/* Turns the operations that the injection found necessary on a finished pod into denials. `was_marked`: the
 * pod bore our annotation when it came in. */
bool final_state_deny(const struct injection_result *result, bool was_marked, struct error *error,
                      struct denial_list *denials) _warn_unused_result_;
