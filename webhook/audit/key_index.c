#include "webhook/audit/key_index.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64u

struct key_index_slot {
    uint64_t hash;
    size_t number; /* KEY_INDEX_NONE: free */
};

/* FNV-1a. Whoever chooses keys that collide slows an offline report down, no more. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *key; key++)
        hash = (hash ^ (unsigned char) *key) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

const char *key_index_key(const struct key_index *index, size_t number)
{
    return index->texts.data + index->offsets[number];
}

/* The slot that holds the key, or the free one where it belongs. There is always a free one. */
static struct key_index_slot *locate(const struct key_index *index, const char *key, uint64_t hash)
{
    for (size_t at = hash & (index->slot_count - 1);; at = (at + 1) & (index->slot_count - 1)) {
        struct key_index_slot *slot = &index->slots[at];
        if (slot->number == KEY_INDEX_NONE ||
            (slot->hash == hash && strcmp(key_index_key(index, slot->number), key) == 0))
            return slot;
    }
}

static void place(struct key_index_slot *slots, size_t slot_count, struct key_index_slot slot)
{
    size_t at = slot.hash & (slot_count - 1);
    while (slots[at].number != KEY_INDEX_NONE)
        at = (at + 1) & (slot_count - 1);
    slots[at] = slot;
}

/* Keeps a quarter of the slots free, and room for the offset of one more key. */
static bool make_room(struct key_index *index, struct error *error)
{
    if ((index->count + 1) * 4 <= index->slot_count * 3)
        return true;
    size_t slot_count = index->slot_count ? index->slot_count * 2 : FIRST_SLOTS;
    size_t *offsets = realloc(index->offsets, slot_count * sizeof *offsets);
    if (!offsets)
        return error_set_no_memory(error);
    index->offsets = offsets;
    struct key_index_slot *slots = malloc(slot_count * sizeof *slots);
    if (!slots)
        return error_set_no_memory(error);
    for (size_t i = 0; i < slot_count; i++)
        slots[i] = (struct key_index_slot){.number = KEY_INDEX_NONE};
    for (size_t i = 0; i < index->slot_count; i++)
        if (index->slots[i].number != KEY_INDEX_NONE)
            place(slots, slot_count, index->slots[i]);
    free(index->slots);
    index->slots = slots;
    index->slot_count = slot_count;
    return true;
}

bool key_index_add(struct key_index *index, const char *key, struct error *error, size_t *number)
{
    uint64_t hash = hash_of(key);
    if (!make_room(index, error))
        return false;
    struct key_index_slot *slot = locate(index, key, hash);
    if (slot->number == KEY_INDEX_NONE) {
        size_t offset = index->texts.length;
        if (!buffer_append(&index->texts, key, strlen(key) + 1))
            return buffer_check(&index->texts, error);
        index->offsets[index->count] = offset;
        *slot = (struct key_index_slot){.hash = hash, .number = index->count++};
    }
    *number = slot->number;
    return true;
}

size_t key_index_find(const struct key_index *index, const char *key)
{
    if (index->slot_count == 0)
        return KEY_INDEX_NONE;
    return locate(index, key, hash_of(key))->number;
}

void key_index_done(struct key_index *index)
{
    free(index->slots);
    free(index->offsets);
    buffer_done(&index->texts);
    *index = (struct key_index){0};
}
