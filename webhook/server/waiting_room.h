/* A few threads for the few requests that have to wait for something, so that they do not hold up the others
 * on their worker. Bounded: a full room turns requests away.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <stddef.h>

/* Requests that wait at once, and the threads that see to them. */
#define WAITING_ROOM_PLACES 256
#define WAITING_ROOM_THREADS 4

struct waiting_room;

/* `serve` is called with each entry on one of the threads. The caller frees `*room`. */
bool waiting_room_new(void (*serve)(void *entry), struct error *error,
                      struct waiting_room **room) _warn_unused_result_;

/* Serves what is still in it, and ends the threads; from then on nobody is let in. Accepts NULL. */
void waiting_room_close(struct waiting_room *room);

/* Closes it, if that was not done, and frees it. Nobody may enter any more. Accepts NULL. */
void waiting_room_free(struct waiting_room *room);
DEFINE_POINTER_CLEANUP(struct waiting_room *, waiting_room_free)

/* False when it is full or closed; else `entry` will be served. */
bool waiting_room_enter(struct waiting_room *room, void *entry) _warn_unused_result_;
