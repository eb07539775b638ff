/* One watch: a request whose answer is a stream of events, from a resource version on, until the server ends
 * it. What to do then is the reflector's business. Internal to kubernetes/.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"
#include "kubernetes/watch_event.h"

/* How much longer than asked for a watch may stay open before the client ends it. */
#define WATCH_GRACE_S 30u

struct watch {
    struct kubernetes_client *client;
    const struct kubernetes_target *target;
    const char *label_selector; /* NULL: all */
    const char *field_selector; /* NULL: all */
    const char *resource_version;
    unsigned seconds; /* after which the server is asked to end it */
    unsigned stall_ms;
    size_t event_bytes;
    const struct cancellation *cancellation;
    /* The server accepted the watch. */
    void (*opened)(void *context);
    /* An event other than WATCH_ERROR; may take the object. Returning false ends the watch with the error. */
    bool (*event)(void *context, struct watch_event *event, struct error *error);
    void *context;
};

/* Success: the server ended the watch in order. ERROR_GONE: the resource version is too old, by status or by
 * event. Other statuses and error events as in kubernetes/client.h, with `answer->status`. A line that has no
 * end is dropped: the next watch brings it again. */
bool watch_perform(const struct watch *watch, struct error *error,
                   struct kubernetes_answer *answer) _warn_unused_result_;
