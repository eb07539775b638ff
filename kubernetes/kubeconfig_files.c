#include "kubernetes/kubeconfig_files.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "kubernetes/configuration.h"
#include "kubernetes/secret.h"

#include <stdlib.h>
#include <string.h>

static void wipe_strings(cJSON *value)
{
    for (; value; value = value->next) {
        if (value->valuestring && !(value->type & cJSON_IsReference))
            explicit_bzero(value->valuestring, strlen(value->valuestring));
        wipe_strings(value->child);
    }
}

static void file_done(struct kubeconfig_file *file)
{
    for (size_t i = 0; i < file->documents.count; i++)
        wipe_strings(file->documents.items[i]);
    yaml_documents_done(&file->documents);
    free(file->path);
}

void kubeconfig_files_done(struct kubeconfig_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        file_done(&files->items[i]);
    free(files->items);
    *files = (struct kubeconfig_files){0};
}

static bool parse_file(struct kubeconfig_file *file, const char *text, size_t length, struct error *error)
{
    const struct yaml_limits limits = {
        .bytes = KUBERNETES_FILE_BYTES, .depth = KUBECONFIG_DEPTH, .nodes = KUBECONFIG_NODES, .documents = 1};
    if (!yaml_parse_documents(text, length, &limits, error, &file->documents))
        return false;
    if (file->documents.count == 0)
        return true;
    const char *kind = NULL;
    if (!cJSON_IsObject(file->documents.items[0]))
        return error_set(error, ERROR_INVALID, "must be a map");
    if (!json_read_string(file->documents.items[0], JSON_ROOT, "kind", error, &kind))
        return false;
    if (kind && strcmp(kind, "Config") != 0)
        return error_set(error, ERROR_INVALID, "kind: must be Config");
    file->root = file->documents.items[0];
    return true;
}

/* Adds the file; ERROR_NOT_FOUND leaves the list as it was. */
static bool add_file(struct kubeconfig_files *files, const char *path, struct error *error)
{
    if (files->count == KUBECONFIG_FILES)
        return error_set(error, ERROR_TOO_LARGE, "more than %u files", KUBECONFIG_FILES);
    char *text = NULL;
    size_t length = 0;
    if (!file_read(path, KUBERNETES_FILE_BYTES, error, &text, &length))
        return error_prefix(error, "kubeconfig");
    struct kubeconfig_file file = {.path = strdup(path)};
    bool is_parsed = file.path && parse_file(&file, text, length, error);
    secret_wipe(text, length);
    struct kubeconfig_file *longer =
        is_parsed ? realloc(files->items, (files->count + 1) * sizeof *files->items) : NULL;
    if (!longer) {
        file_done(&file);
        if (!file.path || is_parsed)
            return error_set_no_memory(error);
        return error_prefix(error, "kubeconfig \"%s\"", path);
    }
    files->items = longer;
    files->items[files->count++] = file;
    return true;
}

bool kubeconfig_files_read_one(const char *path, struct error *error, struct kubeconfig_files *files)
{
    _cleanup_(kubeconfig_files_done) struct kubeconfig_files read = {0};
    if (!add_file(&read, path, error))
        return false;
    *files = read;
    read = (struct kubeconfig_files){0};
    return true;
}

bool kubeconfig_files_read_list(const char *paths, struct error *error, struct kubeconfig_files *files)
{
    _cleanup_(kubeconfig_files_done) struct kubeconfig_files read = {0};
    _cleanup_(freep) char *list = strdup(paths);
    if (!list)
        return error_set_no_memory(error);
    char *rest = list;
    for (const char *path; (path = strsep(&rest, ":"));) {
        struct error failure;
        if (!*path || add_file(&read, path, &failure))
            continue;
        if (failure.code != ERROR_NOT_FOUND)
            return error_set(error, failure.code, "%s", failure.message);
    }
    if (read.count == 0)
        return error_set(error, ERROR_NOT_FOUND, "kubeconfig \"%s\": no such file", paths);
    *files = read;
    read = (struct kubeconfig_files){0};
    return true;
}

bool kubeconfig_files_current_context(const struct kubeconfig_files *files, struct error *error,
                                      const char **context)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *found = NULL;
        if (!json_read_string(files->items[i].root, JSON_ROOT, "current-context", error, &found))
            return error_prefix(error, "kubeconfig \"%s\"", files->items[i].path);
        if (found && *found) {
            *context = found;
            return true;
        }
    }
    *context = NULL;
    return true;
}

/* `entry->content` stays NULL when this file does not have it. */
static bool find_in_file(const struct kubeconfig_file *file, const char *list, const char *member,
                         const char *name, struct error *error, struct kubeconfig_entry *entry)
{
    const struct json_path *list_path = JSON_MEMBER(JSON_ROOT, list);
    cJSON *items = NULL, *content = NULL;
    const cJSON *item;
    size_t index = 0;
    if (!json_read_array(file->root, JSON_ROOT, list, error, &items))
        return false;
    cJSON_ArrayForEach(item, items)
    {
        const struct json_path *path = JSON_ELEMENT(list_path, index);
        const char *item_name = NULL;
        if (!json_read_string(item, path, "name", error, &item_name))
            return false;
        if (item_name && strcmp(item_name, name) == 0) {
            if (!json_require_object(item, path, member, error, &content))
                return false;
            *entry = (struct kubeconfig_entry){.content = content, .file = file, .index = index};
            return true;
        }
        index++;
    }
    return true;
}

bool kubeconfig_files_find(const struct kubeconfig_files *files, const char *list, const char *member,
                           const char *name, struct error *error, struct kubeconfig_entry *entry)
{
    for (size_t i = 0; i < files->count; i++) {
        struct kubeconfig_entry found = {0};
        if (!find_in_file(&files->items[i], list, member, name, error, &found))
            return error_prefix(error, "kubeconfig \"%s\"", files->items[i].path);
        if (found.content) {
            *entry = found;
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "kubeconfig \"%s\"%s: %s: there is no \"%s\"",
                     files->items[0].path, files->count > 1 ? " and the files after it" : "", list, name);
}
