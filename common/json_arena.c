#include "common/json_arena.h"

#include <stdint.h>
#include <stdlib.h>

/* More memory, when the first is used up; each block is twice the one before it, or larger. */
struct json_arena_block {
    struct json_arena_block *next;
    size_t bytes;
    _Alignas(max_align_t) char content[];
};

static _Thread_local struct json_arena *current;

/* Sizes are rounded up, so that every piece is aligned for everything. */
#define ALIGNMENT (_Alignof(max_align_t))

static bool add_block(struct json_arena *arena, size_t bytes)
{
    size_t wanted = 2 * (arena->blocks ? arena->blocks->bytes : sizeof arena->first);
    while (wanted < bytes && wanted <= SIZE_MAX / 4)
        wanted *= 2;
    if (wanted < bytes)
        return false;
    struct json_arena_block *block = malloc(sizeof *block + wanted);
    if (!block)
        return false;
    block->next = arena->blocks;
    block->bytes = wanted;
    arena->blocks = block;
    arena->at = block->content;
    arena->left = wanted;
    return true;
}

static void *allocate(size_t bytes)
{
    struct json_arena *arena = current;
    if (!arena)
        return malloc(bytes);
    if (bytes > SIZE_MAX - ALIGNMENT)
        return NULL;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > arena->left && !add_block(arena, rounded))
        return NULL;
    void *piece = arena->at;
    arena->at += rounded;
    arena->left -= rounded;
    return piece;
}

static bool lies_within(const void *piece, const char *start, size_t bytes)
{
    return (uintptr_t) piece - (uintptr_t) start < bytes;
}

static bool is_piece_of(const struct json_arena *arena, const void *piece)
{
    if (lies_within(piece, arena->first, sizeof arena->first))
        return true;
    for (const struct json_arena_block *block = arena->blocks; block; block = block->next) {
        if (lies_within(piece, block->content, block->bytes))
            return true;
    }
    return false;
}

static void release(void *piece)
{
    for (const struct json_arena *arena = current; arena; arena = arena->outer) {
        if (is_piece_of(arena, piece))
            return;
    }
    free(piece);
}

void json_arena_install(void)
{
    cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = release};
    cJSON_InitHooks(&hooks);
}

void json_arena_enter(struct json_arena *arena)
{
    arena->outer = current;
    arena->blocks = NULL;
    arena->at = arena->first;
    arena->left = sizeof arena->first;
    current = arena;
}

void json_arena_leave(struct json_arena *arena)
{
    current = arena->outer;
    while (arena->blocks) {
        struct json_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}

void json_arena_delete(cJSON *tree)
{
    if (!current || !is_piece_of(current, tree))
        cJSON_Delete(tree);
}
