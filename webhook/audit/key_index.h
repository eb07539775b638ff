/* Finds numbers by text: each different key has the number of its first coming, 0, 1, 2, ... So arrays of
 * the caller's hold what belongs to a key. Not for: removing keys.
 */
#pragma once

#include "common/buffer.h"

#include <stddef.h>
#include <stdint.h>

#define KEY_INDEX_NONE SIZE_MAX

struct key_index {
    struct key_index_slot *slots; /* open addressing; owned */
    size_t slot_count;            /* a power of two, or 0 */
    size_t count;                 /* keys */
    size_t *offsets;              /* of key N in `texts`; owned */
    struct buffer texts;          /* the keys, each ended by a NUL */
};

/* An empty index whose keys take at most `maximum_bytes` together. Needs key_index_done. */
#define KEY_INDEX_INIT(maximum_bytes) ((struct key_index){.texts = BUFFER_INIT(maximum_bytes)})

/* The number of `key`, which is added when it is new. Fails with ERROR_NO_MEMORY or ERROR_TOO_LARGE; the
 * index is as before then. */
bool key_index_add(struct key_index *index, const char *key, struct error *error,
                   size_t *number) _warn_unused_result_;

/* The number of `key`, or KEY_INDEX_NONE. */
size_t key_index_find(const struct key_index *index, const char *key);

/* The key of a number below `count`; valid until the next key is added. */
const char *key_index_key(const struct key_index *index, size_t number);

/* Accepts a zeroed struct. */
void key_index_done(struct key_index *index);
