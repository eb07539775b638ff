#include "webhook/server/file_watch.h"

#include <string.h>
#include <sys/stat.h>

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t) time->tv_sec * 1000000000 + time->tv_nsec;
}

static struct file_print take_print(const char *path)
{
    struct stat status;
    if (!path || stat(path, &status) < 0)
        return (struct file_print){0};
    return (struct file_print){
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = status.st_size,
        .modified_ns = nanoseconds(&status.st_mtim),
        .changed_ns = nanoseconds(&status.st_ctim),
    };
}

static bool is_same(const struct file_print *left, const struct file_print *right)
{
    return left->device == right->device && left->inode == right->inode && left->size == right->size &&
           left->modified_ns == right->modified_ns && left->changed_ns == right->changed_ns;
}

void file_watch_init(struct file_watch *watch, const char *first, const char *second)
{
    *watch = (struct file_watch){.paths = {first, second}};
    for (int i = 0; i < FILE_WATCH_PATHS; i++)
        watch->seen[i] = take_print(watch->paths[i]);
}

bool file_watch_poll(struct file_watch *watch)
{
    bool is_moving = false;
    for (int i = 0; i < FILE_WATCH_PATHS; i++) {
        struct file_print print = take_print(watch->paths[i]);
        if (is_same(&print, &watch->seen[i]))
            continue;
        watch->seen[i] = print;
        is_moving = true;
    }
    if (is_moving) {
        watch->has_changed = true;
        return false;
    }
    bool has_settled = watch->has_changed;
    watch->has_changed = false;
    return has_settled;
}
