#include "driver/sandboxes/registry_table.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. */
static size_t bucket_of(const char *sandbox_id)
{
    uint32_t hash = 0x811c9dc5u;
    for (; *sandbox_id; sandbox_id++)
        hash = (hash ^ (unsigned char) *sandbox_id) * 0x01000193u;
    return hash % REGISTRY_BUCKETS;
}

struct registry_entry *registry_table_find(const struct registry_table *table, const char *sandbox_id)
{
    struct registry_entry *entry = table->buckets[bucket_of(sandbox_id)];
    while (entry && strcmp(entry->state.id, sandbox_id) != 0)
        entry = entry->next;
    return entry;
}

struct registry_entry *registry_table_ensure(struct registry_table *table, const struct sandbox_state *state)
{
    struct registry_entry **last = &table->buckets[bucket_of(state->id)];
    for (; *last; last = &(*last)->next) {
        if (strcmp((*last)->state.id, state->id) == 0)
            return *last;
    }
    struct registry_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->number = ++table->last_number;
    entry->state = *state;
    entry->state.record = (struct record_state){0};
    entry->state.pod = (struct pod_state){0};
    *last = entry;
    return entry;
}

void registry_table_remove(struct registry_table *table, struct registry_entry *entry)
{
    struct registry_entry **link = &table->buckets[bucket_of(entry->state.id)];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
}

struct registry_entry *registry_table_after(const struct registry_table *table, size_t *bucket,
                                            uint64_t *last_number)
{
    for (; *bucket < REGISTRY_BUCKETS; (*bucket)++, *last_number = 0) {
        for (struct registry_entry *entry = table->buckets[*bucket]; entry; entry = entry->next) {
            if (entry->number > *last_number) {
                *last_number = entry->number;
                return entry;
            }
        }
    }
    return NULL;
}

void registry_table_done(struct registry_table *table)
{
    for (size_t bucket = 0; bucket < REGISTRY_BUCKETS; bucket++) {
        while (table->buckets[bucket])
            registry_table_remove(table, table->buckets[bucket]);
    }
}
