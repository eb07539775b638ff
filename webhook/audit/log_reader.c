#include "webhook/audit/log_reader.h"

#include "common/file.h"
#include "common/json.h"
#include "webhook/audit/line_reader.h"
#include "webhook/audit/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".jsonl"

struct audit_log_reader {
    struct audit_log_files files;
    size_t next; /* the file after the one that is read */
    struct line_reader lines;
    bool is_open;
};

DEFINE_POINTER_CLEANUP(DIR *, closedir)

static bool is_log_file(const char *name)
{
    size_t length = strlen(name);
    return *name != '.' && length > strlen(SUFFIX) && strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static bool add_file(const char *directory, const char *name, struct error *error,
                     struct audit_log_files *files, size_t *reserved)
{
    if (files->count == AUDIT_LOG_FILES)
        return error_set(error, ERROR_TOO_LARGE, "\"%s\": more than %u log files", directory,
                         AUDIT_LOG_FILES);
    if (files->count == *reserved) {
        size_t larger = *reserved ? *reserved * 2 : 16;
        char **paths = realloc(files->paths, larger * sizeof *paths);
        if (!paths)
            return error_set_no_memory(error);
        files->paths = paths;
        *reserved = larger;
    }
    char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return error_set_no_memory(error);
    files->paths[files->count++] = path;
    return true;
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static bool read_directory(DIR *stream, const char *directory, struct error *error,
                           struct audit_log_files *files)
{
    size_t reserved = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0 || file_set_error(error, errno, directory);
        if (is_log_file(entry->d_name) && !add_file(directory, entry->d_name, error, files, &reserved))
            return false;
    }
}

bool audit_log_files_list(const char *directory, struct error *error, struct audit_log_files *files)
{
    _cleanup_(closedirp) DIR *stream = opendir(directory);
    if (!stream)
        return file_set_error(error, errno, directory);
    struct audit_log_files listed = {0};
    if (!read_directory(stream, directory, error, &listed)) {
        audit_log_files_done(&listed);
        return false;
    }
    if (listed.count)
        qsort(listed.paths, listed.count, sizeof *listed.paths, compare_paths);
    *files = listed;
    return true;
}

void audit_log_files_done(struct audit_log_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    *files = (struct audit_log_files){0};
}

bool audit_log_reader_open(const char *directory, struct error *error, struct audit_log_reader **reader)
{
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set_no_memory(error);
    if (!audit_log_files_list(directory, error, &opened->files))
        return false;
    *reader = take_pointer(&opened);
    return true;
}

void audit_log_reader_free(struct audit_log_reader *reader)
{
    if (!reader)
        return;
    line_reader_close(&reader->lines);
    audit_log_files_done(&reader->files);
    free(reader);
}

void audit_log_reader_skip_to(struct audit_log_reader *reader, uint64_t sequence)
{
    for (size_t i = reader->files.count; i > 0; i--) {
        const char *path = reader->files.paths[i - 1];
        uint64_t first;
        if (audit_file_name_parse(strrchr(path, '/') + 1, &first) && first <= sequence) {
            reader->next = i - 1;
            return;
        }
    }
}

/* A name behind which there is no file has no records, and opening it could wait for ever. */
static bool check_is_file(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) == 0)
        return S_ISREG(status.st_mode) || error_set(error, ERROR_INVALID, "\"%s\": is no file", path);
    if (errno == ENOENT || errno == ELOOP)
        return error_set(error, ERROR_INVALID, "\"%s\": there is no file behind this name", path);
    return file_set_error(error, errno, path);
}

static bool open_next(struct audit_log_reader *reader, struct error *error)
{
    const char *path = reader->files.paths[reader->next];
    if (!check_is_file(path, error) || !line_reader_open(path, AUDIT_RECORD_BYTES, error, &reader->lines))
        return false;
    reader->next++;
    reader->is_open = true;
    return true;
}

/* Where the next line begins, for who learns that there is none to be had. */
static void say_where(const struct audit_log_reader *reader, struct audit_log_line *line)
{
    const char *next = reader->next < reader->files.count ? reader->files.paths[reader->next] : "";
    *line = (struct audit_log_line){
        .file = reader->is_open ? reader->lines.name : next,
        .number = reader->is_open ? reader->lines.line + 1 : 0,
    };
}

bool audit_log_reader_next(struct audit_log_reader *reader, struct error *error, struct audit_log_line *line,
                           bool *has_line)
{
    for (;;) {
        struct line found;
        *has_line = false;
        say_where(reader, line);
        if (reader->is_open && !line_reader_next(&reader->lines, error, &found, has_line))
            return false;
        if (*has_line) {
            *line = (struct audit_log_line){
                .file = reader->lines.name,
                .number = found.number,
                .offset = found.offset,
                .text = found.text,
                .length = found.length,
                .is_torn = found.is_cut_short,
            };
            return true;
        }
        line_reader_close(&reader->lines);
        reader->is_open = false;
        if (reader->next == reader->files.count)
            return true;
        say_where(reader, line);
        if (!open_next(reader, error))
            return false;
    }
}

bool audit_log_line_parse(const struct audit_log_line *line, struct error *error, cJSON **record)
{
    const struct json_limits limits = {.bytes = AUDIT_RECORD_BYTES, .depth = AUDIT_RECORD_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *parsed = NULL;
    if (!json_parse(line->text, line->length, &limits, error, &parsed))
        return error_prefix(error, "\"%s\" line %zu", line->file, line->number);
    if (!cJSON_IsObject(parsed))
        return error_set(error, ERROR_INVALID, "\"%s\" line %zu: must be an object", line->file,
                         line->number);
    *record = take_pointer(&parsed);
    return true;
}
