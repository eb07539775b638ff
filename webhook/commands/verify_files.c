#include "common/cleanup.h"
#include "webhook/commands/input.h"
#include "webhook/commands/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Most files of one call. */
#define FILES 65536

/* Paths of files. */
struct file_names {
    char **items; /* owned, with their texts */
    size_t count;
};

static void file_names_done(struct file_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

/* Takes over `path` (NULL: its making failed). */
static bool add_path(struct file_names *names, char *path, struct error *error)
{
    _cleanup_(freep) char *owned = path;
    if (names->count == FILES)
        return error_set(error, ERROR_TOO_LARGE, "more than %d files", FILES);
    char **items = owned ? realloc(names->items, (names->count + 1) * sizeof *items) : NULL;
    if (!items)
        return error_set_no_memory(error);
    names->items = items;
    items[names->count++] = take_pointer(&owned);
    return true;
}

static int is_manifest(const struct dirent *entry)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    const char *ending = strrchr(entry->d_name, '.');
    for (size_t i = 0; ending && ending != entry->d_name && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(ending, endings[i]) == 0)
            return 1;
    }
    return 0;
}

static char *join(const char *directory, const char *name)
{
    char *path = NULL;
    size_t length = strlen(directory);
    bool has_slash = length && directory[length - 1] == '/';
    return asprintf(&path, "%s%s%s", directory, has_slash ? "" : "/", name) < 0 ? NULL : path;
}

/* The directory's files in the order of their names. */
static bool add_directory(struct file_names *names, const char *path, struct error *error)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_manifest, alphasort);
    if (count < 0)
        return error_set_errno(error, errno == ENOMEM ? ERROR_NO_MEMORY : ERROR_IO, errno, "\"%s\"", path);
    bool is_added =
        count > 0 ||
        error_set(error, ERROR_INVALID, "\"%.200s\": no .yaml, .yml or .json file is in the directory", path);
    for (int i = 0; i < count; i++) {
        is_added = is_added && add_path(names, join(path, entries[i]->d_name), error);
        free(entries[i]);
    }
    free(entries);
    return is_added;
}

static bool add_operand(struct file_names *names, const char *operand, struct error *error)
{
    struct stat status;
    bool is_directory =
        strcmp(operand, INPUT_STANDARD) != 0 && stat(operand, &status) == 0 && S_ISDIR(status.st_mode);
    return is_directory ? add_directory(names, operand, error) : add_path(names, strdup(operand), error);
}

/* One file at a time, so that a directory of many costs no more than its largest. */
static bool verify_file(const char *path, const struct command_line *line, struct error *error,
                        struct verify_results *results)
{
    struct input input;
    if (!input_read(&path, 1, error, &input))
        return false;
    bool is_verified = true;
    for (size_t i = 0; is_verified && i < input.object_count; i++) {
        const struct input_object *object = &input.objects[i];
        is_verified = !object->is_pod || verify_results_add(results, object->place, object->value,
                                                            line->namespace_annotations, error);
    }
    input_done(&input);
    return is_verified;
}

bool verify_files(const struct command_line *line, struct error *error, struct verify_results *results)
{
    _cleanup_(file_names_done) struct file_names names = {0};
    for (size_t i = 0; i < line->operand_count; i++) {
        if (!add_operand(&names, line->operands[i], error))
            return false;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (!verify_file(names.items[i], line, error, results))
            return false;
    }
    return true;
}
