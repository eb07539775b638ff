/* Memory for the JSON trees of one piece of work, such as a request: between json_arena_enter and
 * json_arena_leave everything that cJSON allocates on the thread comes from the arena, costs next to nothing
 * and is released at once. The first pieces come from the arena itself, so that ordinary work needs no other
 * memory.
 *
 *     struct json_arena arena;
 *     json_arena_enter(&arena);
 *     ... parse, edit, print, delete ...
 *     json_arena_leave(&arena);
 *
 * No tree or string of cJSON's made in between may outlive it; ones made before may be used, changed and
 * deleted. Strings that cJSON made are released with cJSON_free, not with free. Works once the program called
 * json_arena_install; without that, cJSON goes on using malloc, and nothing changes. Not for: anything but
 * cJSON's memory, work that blocks.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* Holds the trees of a review of 4 KB and of its injection. */
#define JSON_ARENA_FIRST_BYTES (64u * 1024)

struct json_arena_block;

struct json_arena {
    struct json_arena *outer; /* of the same thread; NULL: malloc */
    struct json_arena_block *blocks;
    char *at;
    size_t left;
    _Alignas(max_align_t) char first[JSON_ARENA_FIRST_BYTES];
};

/* Makes cJSON's memory switchable, for the whole program: at its start, before any other thread. */
void json_arena_install(void);

/* From now on, on this thread, cJSON allocates from `arena`, until json_arena_leave. May be nested. */
void json_arena_enter(struct json_arena *arena);
void json_arena_leave(struct json_arena *arena);

/* cJSON_Delete for a tree that was made since the thread's json_arena_enter: that takes it away anyway, so
 * nothing is done. Without an arena it is deleted. */
void json_arena_delete(cJSON *tree);
