/* What a failed answer means: HTTP status and Status object into an error code and a message. Pure. Internal
 * to kubernetes/; the mapping is described in kubernetes/client.h.
 */
#pragma once

#include "common/error.h"
#include "kubernetes/client.h"

#include <cjson/cJSON.h>

/* Largest body of a failed answer that is looked at; the rest is not read. */
#define STATUS_BODY_BYTES (64u * 1024)

/* The error of a status and the Status.reason that came with it ("" when none did). */
enum error_code status_error_code(long status, const char *reason);

/* Sets code and message from a failed answer's body, a Status object or any text, and fills reason, causes
 * and retryAfterSeconds of `answer`. Returns false. */
bool status_set_error(long status, const char *body, size_t length, struct error *error,
                      struct kubernetes_answer *answer);

/* The same from a Status object, as an ERROR event of a watch carries it; its `code` is the status. Returns
 * false. */
bool status_set_error_from_object(const cJSON *object, struct error *error, struct kubernetes_answer *answer);
