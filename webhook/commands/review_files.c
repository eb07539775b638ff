#include "webhook/commands/review_files.h"

#include "common/json.h"
#include "common/json_arena.h"
#include "webhook/admission/admission.h"
#include "webhook/commands/json_stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

DEFINE_POINTER_CLEANUP(DIR *, closedir)

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && strcmp(name + length - tail, suffix) == 0;
}

/* Takes over `path`. */
static bool add_path(struct review_files *files, char *path, struct error *error)
{
    _cleanup_(freep) char *owned = path;
    if (!path)
        return error_set_no_memory(error);
    if (files->path_count == REVIEW_FILES)
        return error_set(error, ERROR_TOO_LARGE, "more than %u files of reviews", REVIEW_FILES);
    char **paths = realloc(files->paths, (files->path_count + 1) * sizeof *paths);
    if (!paths)
        return error_set_no_memory(error);
    files->paths = paths;
    files->paths[files->path_count++] = take_pointer(&owned);
    return true;
}

static bool add_folder(struct review_files *files, DIR *folder, const char *path, struct error *error)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry)
            return errno == 0 || error_set_errno(error, ERROR_IO, errno, "\"%s\"", path);
        if (!ends_in(entry->d_name, ".json") && !ends_in(entry->d_name, ".jsonl"))
            continue;
        char *file = NULL;
        if (asprintf(&file, "%s/%s", path, entry->d_name) < 0)
            file = NULL;
        if (!add_path(files, file, error))
            return false;
    }
}

static bool add_paths(struct review_files *files, const struct audit_values *paths, struct error *error)
{
    for (size_t i = 0; i < paths->count; i++) {
        _cleanup_(closedirp) DIR *folder = opendir(paths->items[i]);
        bool is_added = folder ? add_folder(files, folder, paths->items[i], error)
                               : add_path(files, strdup(paths->items[i]), error);
        if (!is_added)
            return false;
    }
    return true;
}

static bool add_review(struct review_files *files, const char *uid, const struct review_place *place,
                       struct error *error)
{
    size_t known = files->uids.count, number;
    if (!key_index_add(&files->uids, uid, error, &number))
        return false;
    if (files->uids.count == known)
        return true;
    if (number == files->reserved) {
        size_t reserved = files->reserved ? files->reserved * 2 : 256;
        struct review_place *places = realloc(files->places, reserved * sizeof *places);
        if (!places)
            return error_set_no_memory(error);
        files->places = places;
        files->reserved = reserved;
    }
    files->places[number] = *place;
    return true;
}

static bool read_review(struct review_files *files, const char *text, const struct review_place *place,
                        struct error *error)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    struct json_arena arena;
    json_arena_enter(&arena);
    cJSON *review = NULL;
    bool is_read = json_parse(text, place->length, &limits, error, &review);
    const cJSON *uid = json_member(json_member(review, "request"), "uid");
    if (is_read && !cJSON_IsString(uid))
        is_read = error_set(error, ERROR_INVALID, "no AdmissionReview with a request.uid");
    is_read = is_read && add_review(files, uid->valuestring, place, error);
    cJSON_Delete(review);
    json_arena_leave(&arena);
    return is_read;
}

static bool read_text(struct review_files *files, size_t file, const char *text, size_t length,
                      struct error *error)
{
    size_t at = 0, start;
    while (json_stream_next(text, length, &at, &start)) {
        const struct review_place place = {
            .file = (uint32_t) file,
            .offset = start,
            .length = (uint32_t) (at - start),
        };
        if (at - start > ADMISSION_BODY_BYTES)
            return error_set(error, ERROR_TOO_LARGE, "offset %zu: a review of more than %u bytes", start,
                             ADMISSION_BODY_BYTES);
        if (!read_review(files, text + start, &place, error))
            return error_prefix(error, "offset %zu", start);
    }
    return at == length || error_set(error, ERROR_INVALID, "offset %zu: must be a JSON object", at);
}

static bool read_file(struct review_files *files, size_t file, struct error *error)
{
    struct stat status;
    _cleanup_(closep) int descriptor = open(files->paths[file], O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno, "cannot open");
    if (fstat(descriptor, &status) != 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot read");
    size_t length = (size_t) status.st_size;
    if (length == 0)
        return true;
    char *text = mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (text == MAP_FAILED)
        return error_set_errno(error, ERROR_IO, errno, "cannot read");
    bool is_read = read_text(files, file, text, length, error);
    munmap(text, length);
    return is_read;
}

bool review_files_open(const struct audit_values *paths, struct error *error, struct review_files *files)
{
    *files = (struct review_files){.descriptor = -1, .uids = KEY_INDEX_INIT(REVIEW_UIDS_BYTES)};
    if (!add_paths(files, paths, error))
        return false;
    for (size_t i = 0; i < files->path_count; i++)
        if (!read_file(files, i, error))
            return error_prefix(error, "\"%s\"", files->paths[i]);
    return true;
}

static bool open_file(struct review_files *files, size_t file, struct error *error)
{
    if (files->descriptor >= 0 && files->open_file == file)
        return true;
    closep(&files->descriptor);
    files->descriptor = open(files->paths[file], O_RDONLY | O_CLOEXEC | O_NOCTTY);
    files->open_file = file;
    return files->descriptor >= 0 || error_set_errno(error, ERROR_IO, errno, "\"%s\"", files->paths[file]);
}

bool review_files_find(struct review_files *files, const char *uid, struct error *error,
                       struct buffer *buffer)
{
    buffer_clear(buffer);
    size_t number = key_index_find(&files->uids, uid);
    if (number == KEY_INDEX_NONE)
        return true;
    const struct review_place *place = &files->places[number];
    if (!open_file(files, place->file, error))
        return false;
    if (!buffer_reserve(buffer, place->length))
        return buffer_check(buffer, error);
    ssize_t count = pread(files->descriptor, buffer->data, place->length, (off_t) place->offset);
    if (count < 0)
        return error_set_errno(error, ERROR_IO, errno, "\"%s\"", files->paths[place->file]);
    if ((size_t) count != place->length)
        return error_set(error, ERROR_IO, "\"%s\": became shorter", files->paths[place->file]);
    buffer->length = place->length;
    buffer->data[buffer->length] = '\0';
    return true;
}

void review_files_done(struct review_files *files)
{
    for (size_t i = 0; i < files->path_count; i++)
        free(files->paths[i]);
    free(files->paths);
    free(files->places);
    key_index_done(&files->uids);
    if (files->descriptor > 0)
        close(files->descriptor);
    *files = (struct review_files){.descriptor = -1};
}
