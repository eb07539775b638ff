/* A directory of a test's own, with small files in it. Fails the test when something does not work. */
#pragma once

#include <stddef.h>

#define TEMPORARY_PATH_BYTES 256

struct temporary {
    char path[TEMPORARY_PATH_BYTES];
};

void temporary_make(struct temporary *directory);

/* Removes it with all that is in it. */
void temporary_remove(struct temporary *directory);

/* Removes the folder at `path` with all that is in it; 0, or -1 with errno. */
int temporary_remove_tree(const char *path);

/* Writes `path`/`name` anew, through a rename, so that its inode changes. */
void temporary_write(const struct temporary *directory, const char *name, const char *text);

/* `path`/`name` into `path`, which it returns. */
const char *temporary_name(const struct temporary *directory, const char *name,
                           char path[TEMPORARY_PATH_BYTES]);
