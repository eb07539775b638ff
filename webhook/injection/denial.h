/* Denials: why a pod may not run, each with a stable reason, the field, and what would be accepted.
 * All causes are collected, not just the first. The reasons are documented in docs/denials.md; never rename
 * one.
 */
#pragma once

#include "common/error.h"
#include "common/json.h"

#include <stddef.h>

/* Most causes kept for one pod; further ones are counted only. */
#define DENIAL_LIMIT 64

struct denial {
    const char *reason; /* stable CamelCase word; static */
    char *field;        /* `spec.containers[1].securityContext.runAsUser`; owned */
    char *message;      /* why, and what would be accepted; owned */
};

struct denial_list {
    struct denial *items;
    size_t count;
    size_t dropped; /* causes past DENIAL_LIMIT */
};

/* Adds a cause. Fails only with ERROR_NO_MEMORY. */
bool denial_list_add(struct denial_list *list, const char *reason, const struct json_path *path,
                     struct error *error, const char *format, ...) _printf_(5, 6) _warn_unused_result_;

void denial_list_done(struct denial_list *list);
