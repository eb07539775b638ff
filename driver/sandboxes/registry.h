/* All sandboxes of this gateway as the API server last showed them: the record and the pod of each.
 *
 * Fed by two reflectors (sync.h) and by what the driver itself wrote, so that a caller sees its own writes.
 * An object is never replaced by an older version of itself. Any thread. Not for: deciding what to do
 * (keeper.h) or telling the gateway (report.h, watch.h).
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/journal.h"
#include "driver/sandboxes/state.h"

#include <cjson/cJSON.h>

struct registry;

struct registry_listener {
    /* Something that readers of the journal want to know happened. Called without the registry's lock. */
    void (*changed)(void *context);
    void *context;
};

/* The caller owns `*registry`; `configuration` outlives it. */
bool registry_new(const struct driver_configuration *configuration, struct error *error,
                  struct registry **registry) _warn_unused_result_;
void registry_free(struct registry *registry);

/* At most one listener; before any other thread uses the registry. */
void registry_set_listener(struct registry *registry, const struct registry_listener *listener);

/* Which of a sandbox's two objects. */
enum registry_part { REGISTRY_RECORD, REGISTRY_POD };

/* Takes in an object as the API server showed it. Objects that are not ours are ignored. ERROR_NO_MEMORY. */
bool registry_put(struct registry *registry, enum registry_part part, const cJSON *object,
                  struct error *error) _warn_unused_result_;

/* The object is gone. `uid` guards against a younger one of the same name; NULL: whatever there is. */
void registry_remove(struct registry *registry, enum registry_part part, const char *sandbox_id,
                     const char *uid);

/* A create of ours has failed for the gateway, and what is left could not be removed yet. From now on the
 * record with this uid is one that `instance` is creating, also if it turns out to say that the create has
 * ended. */
void registry_refuse(struct registry *registry, const char *sandbox_id, const char *uid,
                     const char *instance);

/* A full list: what is put between the two stays, all else of this part is gone at the end. */
void registry_list_begin(struct registry *registry, enum registry_part part);
void registry_list_end(struct registry *registry, enum registry_part part);

/* True once both parts have been listed in full. */
bool registry_is_synced(struct registry *registry);

/* Copies the state of a sandbox that has a record or a pod; false when there is none. */
bool registry_find(struct registry *registry, const char *sandbox_id,
                   struct sandbox_state *state) _warn_unused_result_;

/* Finds a sandbox with a record, of this workspace and name, that is not `other_than` (NULL: any), and copies
 * its id. One that is being deleted has given its name up: the gateway forgets it before the record goes. */
bool registry_find_name(struct registry *registry, const char *workspace, const char *name,
                        const char *other_than, char sandbox_id[SANDBOX_ID_BYTES]) _warn_unused_result_;

/* Calls `visit` with a copy of each state, in no order, without the lock, so that it may take its time. New
 * sandboxes may be missed, none is visited twice. Ends early when `visit` returns false. */
void registry_each(struct registry *registry, bool (*visit)(void *context, const struct sandbox_state *state),
                   void *context);

/* Waits until the sandbox's `part` is gone (or is another object than `uid`), `deadline_ns` (monotonic) has
 * passed or registry_cancel_waits was called. True when it is gone. */
bool registry_wait_gone(struct registry *registry, enum registry_part part, const char *sandbox_id,
                        const char *uid, uint64_t deadline_ns) _warn_unused_result_;

/* Waits until the registry is synced; false as above. */
bool registry_wait_synced(struct registry *registry, uint64_t deadline_ns) _warn_unused_result_;

/* Ends all present and future waits. */
void registry_cancel_waits(struct registry *registry);
bool registry_are_waits_cancelled(struct registry *registry);

/* Looks at the sandbox again and tells readers when its report changed by time passing alone. */
void registry_refresh(struct registry *registry, const char *sandbox_id);

/* Adds an event to the journal; `event` is taken over. Returns its sequence. */
uint64_t registry_publish(struct registry *registry, enum journal_kind kind, const char *sandbox_id,
                          struct buffer *event);

/* True when a reader has sent the entry of that sequence, or it has been dropped. */
bool registry_is_delivered(struct registry *registry, uint64_t sequence);

/* How many sandboxes have a record whose create has ended. */
size_t registry_count(struct registry *registry);

/* A reader of the journal, embedded in a watch stream. */
struct registry_reader {
    size_t bucket;        /* of the snapshot; past the last one: the snapshot is complete */
    uint64_t last_number; /* within the bucket */
    uint64_t opened_at;   /* sequence at which the snapshot was begun */
    uint64_t position;    /* next sequence to read */
    uint64_t sending;     /* sequence of the event that was given out last; 0: a snapshot */
};

enum registry_step { REGISTRY_NOTHING, REGISTRY_STATE, REGISTRY_EVENT };

void registry_reader_init(struct registry *registry, struct registry_reader *reader);

/* The next thing that this reader has not seen: a state, or the bytes of an event (appended to `event`).
 * REGISTRY_NOTHING: none now, or the registry is not synced yet. */
enum registry_step registry_read(struct registry *registry, struct registry_reader *reader,
                                 struct sandbox_state *state, struct buffer *event);

/* What registry_read gave last has been sent. True when that was the first time that a deletion was told: its
 * record may go. */
bool registry_reader_sent(struct registry *registry, struct registry_reader *reader);
