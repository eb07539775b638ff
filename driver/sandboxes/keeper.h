/* What goes on without being asked: finishing deletes, removing what a failed create left, finishing or
 * taking back starts and stops that were cut off, and noticing that patience with a container is over.
 *
 * One thread that looks at all sandboxes whenever something changed. What it does follows from their state
 * alone, so a restarted driver goes on where the last one was. Not for: what the gateway asks (lifecycle.h).
 */
#pragma once

#include "driver/sandboxes/sandboxes.h"

/* How long a finished delete waits for a watch stream that takes the news, before its record goes. */
#define DELETED_EVENT_WAIT_SECONDS 30

struct keeper;

struct keeper_observer {
    /* Something could not be done and is tried again. May be NULL. */
    void (*failed)(void *context, const char *sandbox_id, const char *what, const struct error *error);
    /* A delete has come to its end: nothing is left of the sandbox. May be NULL. */
    void (*deleted)(void *context, const char *sandbox_id);
    void *context;
};

/* What the keeper does about one sandbox. */
enum keeper_action {
    KEEPER_NOTHING,
    KEEPER_ROLL_BACK,       /* remove what a create has left */
    KEEPER_END_POD,         /* a stop was cut off before the pod was deleted */
    KEEPER_FINISH_START,    /* another driver process was cut off in a start */
    KEEPER_TAKE_BACK_START, /* a start of this process failed and could not say so in the record */
    KEEPER_FINISH_DELETE,
    KEEPER_REFRESH, /* only time changes what is reported */
};

/* Decides from the state alone; `instance` is this process's name in records. Pure. */
enum keeper_action keeper_decide(const struct sandbox_state *state, const char *instance);

/* Starts the thread and sets `sandboxes->keeper`. `sandboxes` outlives it. The caller owns the keeper
 * (keeper_free). */
bool keeper_start(struct sandboxes *sandboxes, const struct keeper_observer *observer,
                  struct error *error) _warn_unused_result_;

/* Something changed: look soon. Any thread; returns at once. */
void keeper_wake(struct keeper *keeper);

/* Ends the thread after the sandbox that is being worked on; keeper_wake may still be called. */
void keeper_stop(struct keeper *keeper);

/* Stops and releases. Accepts NULL. */
void keeper_free(struct keeper *keeper);
