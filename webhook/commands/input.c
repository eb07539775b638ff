#include "webhook/commands/input.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json.h"
#include "common/yaml.h"
#include "webhook/commands/json_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PLACE_BYTES 8192

/* Aliases may multiply what a file holds, so its values are counted, too. */
#define INPUT_VALUES (1u << 20)

bool input_read_text(const char *path, size_t maximum_bytes, struct error *error, const char **name,
                     char **text, size_t *length)
{
    bool is_standard = strcmp(path, INPUT_STANDARD) == 0;
    *name = is_standard ? "standard input" : path;
    if (is_standard)
        return file_read_descriptor(STDIN_FILENO, *name, maximum_bytes, error, text, length);
    /* Unlike a configuration file this may be a pipe, from <(...) of a shell, whose writer is waited for. */
    _cleanup_(closep) int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno, "\"%s\"", path);
    return file_read_descriptor(descriptor, path, maximum_bytes, error, text, length);
}

/* Takes over `value`. */
static bool add_document(struct input *input, cJSON *value, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *owned = value;
    cJSON **documents = realloc(input->documents, (input->document_count + 1) * sizeof *documents);
    if (!documents)
        return error_set_no_memory(error);
    input->documents = documents;
    documents[input->document_count++] = take_pointer(&owned);
    return true;
}

static bool set_too_many(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, "more than %d documents", INPUT_DOCUMENTS);
}

/* JSON objects alone. Text that is not (it may be YAML's flow style, which looks alike) is success, too, and
 * leaves `*is_json` false. */
static bool add_json(struct input *input, const char *text, size_t length, struct error *error, bool *is_json)
{
    const struct json_limits limits = {.bytes = INPUT_FILE_BYTES, .depth = INPUT_DEPTH};
    struct input found = {0};
    size_t at = 0, start;
    bool is_read = true;
    while (is_read && json_stream_next(text, length, &at, &start)) {
        cJSON *value;
        if (found.document_count == INPUT_DOCUMENTS)
            is_read = set_too_many(error);
        else
            is_read = json_parse(text + start, at - start, &limits, error, &value) &&
                      add_document(&found, value, error);
    }
    *is_json = is_read && at == length && found.document_count;
    for (size_t i = 0; *is_json && is_read && i < found.document_count; i++)
        is_read = add_document(input, take_pointer(&found.documents[i]), error);
    input_done(&found);
    return is_read || error->code == ERROR_INVALID;
}

static bool add_yaml(struct input *input, const char *text, size_t length, struct error *error)
{
    const struct yaml_limits limits = {
        .bytes = INPUT_FILE_BYTES,
        .depth = INPUT_DEPTH,
        .nodes = INPUT_VALUES,
        .documents = INPUT_DOCUMENTS,
    };
    struct yaml_documents documents;
    if (!yaml_parse_documents(text, length, &limits, error, &documents))
        return false;
    bool is_added = true;
    for (size_t i = 0; is_added && i < documents.count; i++)
        is_added = add_document(input, take_pointer(&documents.items[i]), error);
    yaml_documents_done(&documents);
    return is_added;
}

/* An object in the making: its document, and the path of the list's item in it. */
struct finding {
    struct input *input;
    const char *file;
    size_t document;
    struct error *error;
};

static bool make_names(const struct finding *finding, const struct json_path *path,
                       struct input_object *object)
{
    struct buffer item = BUFFER_INIT(PLACE_BYTES), place = BUFFER_INIT(PLACE_BYTES);
    json_path_append_field(path, &item);
    buffer_append_format(&place, "%s: document %zu%s%s", finding->file, finding->document,
                         item.length ? ": " : "", buffer_string(&item));
    bool is_made = buffer_take(&item, finding->error, &object->item) &&
                   buffer_take(&place, finding->error, &object->place);
    buffer_done(&item);
    buffer_done(&place);
    return is_made;
}

static void input_object_done(struct input_object *object)
{
    free(object->item);
    free(object->place);
}

static bool add_object(const struct finding *finding, cJSON *value, const struct json_path *path, bool is_pod)
{
    struct input *input = finding->input;
    struct input_object *objects = realloc(input->objects, (input->object_count + 1) * sizeof *objects);
    if (!objects)
        return error_set_no_memory(finding->error);
    input->objects = objects;
    struct input_object object = {
        .file = finding->file, .document = finding->document, .value = value, .is_pod = is_pod};
    if (!make_names(finding, path, &object)) {
        input_object_done(&object);
        return false;
    }
    objects[input->object_count++] = object;
    return true;
}

static bool find_objects(const struct finding *finding, cJSON *value, const struct json_path *path);

/* The items of a List; those of a PodList need not say that they are pods. */
static bool find_items(const struct finding *finding, const cJSON *items, const struct json_path *path,
                       bool are_pods)
{
    size_t index = 0;
    cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        const struct json_path *item_path = JSON_ELEMENT(path, index++);
        if (!cJSON_IsObject(item))
            return json_set_invalid(finding->error, item_path, "must be an object");
        if (!(are_pods ? add_object(finding, item, item_path, true) : find_objects(finding, item, item_path)))
            return false;
    }
    return true;
}

/* Recursion is bounded by INPUT_DEPTH. */
static bool find_objects(const struct finding *finding, cJSON *value, const struct json_path *path)
{
    const char *version, *kind;
    if (!json_require_string(value, path, "apiVersion", finding->error, &version) ||
        !json_require_string(value, path, "kind", finding->error, &kind))
        return false;
    bool is_core = strcmp(version, "v1") == 0;
    bool is_pod_list = is_core && strcmp(kind, "PodList") == 0;
    if (!is_pod_list && !(is_core && strcmp(kind, "List") == 0))
        return add_object(finding, value, path, is_core && strcmp(kind, "Pod") == 0);
    cJSON *items;
    return json_read_array(value, path, "items", finding->error, &items) &&
           find_items(finding, items, JSON_MEMBER(path, "items"), is_pod_list);
}

static bool read_file(struct input *input, const char *path, struct error *error)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    struct finding finding = {.input = input, .error = error};
    if (!input_read_text(path, INPUT_FILE_BYTES, error, &finding.file, &text, &length))
        return false;
    size_t first = input->document_count;
    bool is_json;
    if (!add_json(input, text, length, error, &is_json) ||
        (!is_json && !add_yaml(input, text, length, error)))
        return error_prefix(error, "%s", finding.file);
    if (input->document_count == first)
        return error_set(error, ERROR_INVALID, "%s: holds no object", finding.file);
    for (size_t i = first; i < input->document_count; i++) {
        finding.document = i - first + 1;
        bool is_found = cJSON_IsObject(input->documents[i])
                            ? find_objects(&finding, input->documents[i], JSON_ROOT)
                            : error_set(error, ERROR_INVALID, "is no Kubernetes object");
        if (!is_found)
            return error_prefix(error, "%s: document %zu", finding.file, finding.document);
    }
    return true;
}

bool input_read(const char *const *paths, size_t count, struct error *error, struct input *input)
{
    static const char *const standard_only[] = {INPUT_STANDARD};
    struct input read = {0};
    if (count == 0) {
        paths = standard_only;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_file(&read, paths[i], error)) {
            input_done(&read);
            return false;
        }
    }
    *input = read;
    return true;
}

void input_done(struct input *input)
{
    for (size_t i = 0; i < input->document_count; i++)
        cJSON_Delete(input->documents[i]);
    free(input->documents);
    for (size_t i = 0; i < input->object_count; i++)
        input_object_done(&input->objects[i]);
    free(input->objects);
    *input = (struct input){0};
}
