/* Turns a Kubernetes Event about a sandbox's pod into the gateway's platform event, with the metadata that
 * moves the user's progress display (contract/gateway-driver.md C.2). Pure.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* The name of the pod that the event is about; NULL: about something else. Valid as long as the event. */
const char *platform_event_pod(const cJSON *event);

/* Appends a packed WatchSandboxesEvent to `packed`. */
bool platform_event_pack(const cJSON *event, const char *sandbox_id, struct error *error,
                         struct buffer *packed) _warn_unused_result_;

/* Milliseconds since 1970 of an RFC 3339 time in UTC ("2026-01-02T03:04:05Z", fractions allowed); 0 when it
 * is none. */
int64_t platform_event_time_ms(const char *text);
