/* The check of the final pod: after every mutating webhook has had its turn, the injection must be there,
 * whole and unaltered. It is what the injection would still have to change. For webhook/admission/ and
 * verify.
 */
#pragma once

#include "webhook/injection/injection.h"

/* Appends the field that an RFC 6901 pointer of an operation leads to, the way Kubernetes names fields
 * (`spec.containers[0].command`); for a pointer that ends in `-` the list. */
void final_state_append_field(const char *pointer, struct buffer *buffer);

/* Turns the operations that the injection found necessary on a finished pod into denials. `was_marked`: the
 * pod bore our annotation when it came in. */
bool final_state_deny(const struct injection_result *result, bool was_marked, struct error *error,
                      struct denial_list *denials) _warn_unused_result_;
