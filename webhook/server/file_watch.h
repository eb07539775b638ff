/* Notices that files changed, by looking at them now and then. This also sees what a mounted ConfigMap or
 * Secret does, which swaps a symbolic link in the directory, on every file system.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Most files of one watch. */
#define FILE_WATCH_PATHS 2

/* What is looked at; all zero for a file that is not there. */
struct file_print {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified_ns;
    int64_t changed_ns;
};

struct file_watch {
    const char *paths[FILE_WATCH_PATHS]; /* must stay valid; NULL for none */
    struct file_print seen[FILE_WATCH_PATHS];
    bool has_changed;
};

/* Starts from the files as they are now. A NULL path is passed over. */
void file_watch_init(struct file_watch *watch, const char *first, const char *second);

/* To be called every now and then. True once after each change, and only when the files have stayed the same
 * since the call before: so a file being written, or a pair half replaced, is not read too early. */
bool file_watch_poll(struct file_watch *watch);
