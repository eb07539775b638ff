/* A reflector keeps a consumer in step with a collection: it lists, then watches, resumes where it stopped
 * after any interruption, and lists again when the server has forgotten that place (410). One thread of its
 * own, on which every callback runs, one after the other.
 *
 * Seeing deletions that happened during a gap: `list_begin` starts a new generation, every `object` until
 * `list_end` belongs to it, and what the consumer still holds from before at `list_end` is gone. Between a
 * `list_begin` and its `list_end` the consumer's state is a mixture and may serve, since `list_begin` may
 * come again when a list breaks off. The reflector itself holds one page of a list or one event, no more; the
 * consumer keeps what it wants.
 *
 * To follow a single object, select it: field_selector "metadata.name=NAME"; RBAC's resourceNames then
 * suffice.
 *
 * Not for: fan-out to several consumers, or indexing; both are the consumer's.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"

/* How long the server keeps one watch open: this to twice this, spread so that many do not reconnect at once.
 */
#define KUBERNETES_WATCH_SECONDS 300u
/* Without a byte for this long a watch is given up and resumed; servers send bookmarks about every minute. */
#define KUBERNETES_WATCH_STALL_MS 150000u
/* Waits between failed lists or watches: doubling, with jitter. */
#define KUBERNETES_WATCH_RETRY_FIRST_MS 250u
#define KUBERNETES_WATCH_RETRY_LONGEST_MS 30000u
/* Largest single event. Objects reach 3 MiB; an event holds one. */
#define KUBERNETES_WATCH_EVENT_BYTES (8u * 1024 * 1024)

struct kubernetes_reflector_handler {
    /* A full list begins. NULL: nothing to do. */
    void (*list_begin)(void *context);
    /* An object as it is now: listed, added or changed; may repeat what is known. take_pointer(object) keeps
     * it, else it is freed after. Returning false (out of memory, a limit) makes the reflector wait and list
     * again. */
    bool (*object)(void *context, cJSON **object, struct error *error);
    /* An object that was deleted, in its last state; may be unknown to the consumer. */
    void (*deleted)(void *context, const cJSON *object);
    /* The list is complete: what was not repeated since `list_begin` is gone. NULL: nothing to do. */
    void (*list_end)(void *context);
    /* Something failed and is tried again in `retry_ms`; for logs. NULL: nobody listens. */
    void (*failed)(void *context, const struct error *error, unsigned retry_ms);
    void *context;
};

/* Zeroed fields: the constants above. Strings are copied. */
struct kubernetes_reflector_options {
    const char *label_selector;
    const char *field_selector;
    unsigned page_size;
    unsigned watch_seconds;
    unsigned stall_ms;
    unsigned retry_first_ms;
    unsigned retry_longest_ms;
    size_t event_bytes;
};

/* Counters since the start. */
struct kubernetes_reflector_statistics {
    bool is_synced;   /* a list has been complete once; stays true */
    bool is_watching; /* a watch is open now */
    uint64_t lists;   /* complete ones */
    uint64_t watches; /* opened ones */
    uint64_t events;  /* added, modified, deleted */
    uint64_t bookmarks;
    uint64_t gone;     /* 410: the place was forgotten */
    uint64_t failures; /* reported through `failed` */
};

struct kubernetes_reflector;

/* Starts the thread. `target` names a collection (its strings are copied, its resource must outlive the
 * reflector). `client` and what the handler points to outlive it too. Fails with ERROR_INVALID, ERROR_IO,
 * ERROR_NO_MEMORY; the server need not be there yet. The caller owns `*reflector`. */
bool kubernetes_reflector_start(struct kubernetes_client *client, const struct kubernetes_target *target,
                                const struct kubernetes_reflector_options *options,
                                const struct kubernetes_reflector_handler *handler, struct error *error,
                                struct kubernetes_reflector **reflector) _warn_unused_result_;

/* Stops at once (an open watch is dropped), waits for the callback that runs, frees. Not from a callback.
 * Accepts NULL. */
void kubernetes_reflector_free(struct kubernetes_reflector *reflector);
DEFINE_POINTER_CLEANUP(struct kubernetes_reflector *, kubernetes_reflector_free)

/* Waits until the first list is complete; false when `timeout_ms` passed before. Any thread but the
 * reflector's. */
bool kubernetes_reflector_wait_synced(struct kubernetes_reflector *reflector, unsigned timeout_ms);

/* Any thread. */
void kubernetes_reflector_read_statistics(struct kubernetes_reflector *reflector,
                                          struct kubernetes_reflector_statistics *statistics);
