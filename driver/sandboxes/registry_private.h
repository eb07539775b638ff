/* What the registry consists of, for the files that make it up: registry.c takes objects in, registry_query.c
 * answers questions and waits, registry_reader.c reads for watch streams.
 *
 * Not for anybody else.
 */
#pragma once

#include "driver/sandboxes/registry.h"
#include "driver/sandboxes/registry_table.h"

#include <pthread.h>

/* Objects that are remembered as gone, so that what we wrote ourselves cannot bring them back when the watch
 * was faster to say so. */
#define REMOVED_UIDS 256

struct registry {
    const struct driver_configuration *configuration;
    struct registry_listener listener;
    pthread_mutex_t mutex; /* for all that follows */
    pthread_cond_t changed;
    struct registry_table table;
    struct journal journal;
    unsigned generation[2];
    bool is_listed[2];
    bool are_waits_cancelled;
    size_t visible;
    char removed[REMOVED_UIDS][UID_BYTES]; /* a ring */
    size_t removals;
};

void registry_lock(struct registry *registry);
void registry_unlock(struct registry *registry);

/* Unlocks, wakes waiters, and tells the listener when the journal has grown past `sequence`. */
void registry_unlock_and_tell(struct registry *registry, uint64_t sequence);

/* The rest is called with the lock held. */

bool registry_has_both_lists(const struct registry *registry);
bool registry_entry_has(const struct registry_entry *entry, enum registry_part part);

/* Of a part that the entry may not have: "". */
const char *registry_entry_uid(const struct registry_entry *entry, enum registry_part part);
