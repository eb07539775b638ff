/* One line of a watch as an event. Pure. Internal to kubernetes/.
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>

enum watch_event_type {
    WATCH_ADDED,
    WATCH_MODIFIED,
    WATCH_DELETED,
    WATCH_BOOKMARK, /* no change: only metadata.resourceVersion of the object counts */
    WATCH_ERROR,    /* the object is a Status; the watch ends */
};

struct watch_event {
    enum watch_event_type type;
    cJSON *object;                /* owned */
    const char *resource_version; /* of the object; NULL for WATCH_ERROR */
};

/* Reads {"type": ..., "object": {...}}. ERROR_UNAVAILABLE for anything that is no event, a type of tomorrow
 * included: nothing that follows could be trusted. ERROR_NO_MEMORY. The caller owes watch_event_done. */
bool watch_event_parse(const char *line, size_t length, struct error *error,
                       struct watch_event *event) _warn_unused_result_;

/* Accepts a zeroed struct. */
void watch_event_done(struct watch_event *event);
