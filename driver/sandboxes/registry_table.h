/* The registry's hash table: sandboxes by id. Internal to registry.c, whose lock guards it.
 *
 * Within a bucket, entries stand in the order of their numbers, which only grow: a reader that remembers a
 * bucket and a number misses nothing while others come and go.
 */
#pragma once

#include "driver/sandboxes/state.h"

#include <stddef.h>

#define REGISTRY_BUCKETS 4096

struct registry_entry {
    struct registry_entry *next;
    uint64_t number;        /* never used twice */
    uint64_t sequence;      /* of the last change in the journal */
    uint64_t report_digest; /* of what the gateway was last told */
    unsigned generation[2]; /* by enum registry_part: the list that the part was last seen in */
    bool is_visible;        /* the gateway knows it */
    struct sandbox_state state;
};

struct registry_table {
    struct registry_entry *buckets[REGISTRY_BUCKETS];
    uint64_t last_number;
};

struct registry_entry *registry_table_find(const struct registry_table *table, const char *sandbox_id);

/* Finds the entry or adds one with the identity of `state`, without record and pod; NULL: no memory. */
struct registry_entry *registry_table_ensure(struct registry_table *table, const struct sandbox_state *state);

/* Removes and frees. */
void registry_table_remove(struct registry_table *table, struct registry_entry *entry);

/* The entry after the position, which is moved on to it; NULL at the end. Start with zeroes. */
struct registry_entry *registry_table_after(const struct registry_table *table, size_t *bucket,
                                            uint64_t *last_number);

void registry_table_done(struct registry_table *table);
