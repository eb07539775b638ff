/* Events of the API server's own audit log (audit.k8s.io/v1), as far as they are about pods being created:
 * what it says of our webhooks, in annotations that it writes itself.
 *
 *     mutation.webhook.admission.k8s.io/round_0_index_0   which webhook was called, and whether it changed it
 *     patch.webhook.admission.k8s.io/round_0_index_0      by which patch (levels Request and RequestResponse)
 *     <webhook>/audit-record                              our anchor: "<sequence>:<hash of the record>"; of
 *                                                         webhooks in the domain of ours alone
 *
 * The uid of the request that a webhook gets is in none of them: anchors are what joins both logs.
 */
#pragma once

#include "common/error.h"
#include "webhook/audit/line_reader.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Longest line of an audit log, and deepest nesting. */
#define API_EVENT_BYTES (32u * 1024 * 1024)
#define API_EVENT_DEPTH 192
/* Most anchors in one event: one for each webhook of ours. */
#define API_EVENT_ANCHORS 8

struct api_anchor {
    const char *webhook_prefix; /* annotation key; the webhook's name is what is in front of the slash */
    const char *record;         /* "<sequence>:<hash>" */
};

/* Strings and trees belong to the event's tree; "" or NULL when absent. */
struct api_event {
    const char *audit_id;
    const char *namespace_name;
    const char *pod; /* "" at level Metadata when the API server made the name */
    const char *user;
    const char *received;   /* RFC 3339, UTC */
    const char *completed;  /* likewise */
    int64_t code;           /* HTTP status */
    bool has_object;        /* its labels are known */
    bool is_sandbox;        /* labelled as a sandbox pod */
    bool is_name_generated; /* `pod` is what the API server begins the name with, not yet the name */
    struct api_anchor anchors[API_EVENT_ANCHORS];
    size_t anchor_count;
    size_t calls;     /* of mutating webhooks of ours, reinvocations included */
    bool has_decided; /* a decision of ours is in it */
    cJSON *annotations;
};

/* Whether the line can be about a pod's creation; a quick look that spares parsing the rest. */
bool api_event_is_of_interest(const struct line *line);

/* Reads a parsed line. `webhook` is the name of our mutating webhook. `*is_creation` is false for events that
 * are about something else; then `*event` is not written. ERROR_INVALID names the field. */
bool api_event_read(const cJSON *tree, const char *webhook, struct error *error, struct api_event *event,
                    bool *is_creation) _warn_unused_result_;

/* The patch by which our webhook changed the pod first, as the API server wrote it down: an array that
 * belongs to `*holder`, which the caller deletes. NULL when the event has none. */
bool api_event_find_patch(const struct api_event *event, const char *webhook, struct error *error,
                          cJSON **holder, const cJSON **patch) _warn_unused_result_;
