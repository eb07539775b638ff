#include "kubernetes/objects.h"

#include "common/json.h"
#include "kubernetes/object_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A list on its way. */
struct list_progress {
    struct kubernetes_client *client;
    const struct kubernetes_target *target;
    const struct kubernetes_list_options *options;
    const struct kubernetes_call *call;
    const struct kubernetes_list_handler *handler;
    unsigned page_size;
    bool is_expired;        /* the continue token was too old */
    char *continue_token;   /* owned; NULL: the first page */
    char *resource_version; /* owned; of the last page */
};

static void list_progress_done(struct list_progress *progress)
{
    free(progress->continue_token);
    free(progress->resource_version);
}

static bool request_page(const struct list_progress *progress, struct error *error, cJSON **page)
{
    _cleanup_(buffer_done) struct buffer query = BUFFER_INIT(OBJECT_QUERY_BYTES);
    char limit[16];
    snprintf(limit, sizeof limit, "%u", progress->page_size);
    kubernetes_query_append(&query, "limit", limit);
    if (progress->options->label_selector)
        kubernetes_query_append(&query, "labelSelector", progress->options->label_selector);
    if (progress->options->field_selector)
        kubernetes_query_append(&query, "fieldSelector", progress->options->field_selector);
    if (progress->continue_token)
        kubernetes_query_append(&query, "continue", progress->continue_token);
    if (!buffer_check(&query, error))
        return error_prefix(error, "list %s: query", progress->target->resource->plural);
    const struct object_request request = {.method = "GET",
                                           .verb = "list",
                                           .target = progress->target,
                                           .query = buffer_string(&query),
                                           .is_collection = true,
                                           .is_idempotent = true};
    return object_request_send(progress->client, &request, progress->call, error, page);
}

/* The next page; one too large for the client is asked for again at half the size. */
static bool fetch_page(struct list_progress *progress, struct error *error, cJSON **page)
{
    while (!request_page(progress, error, page)) {
        progress->is_expired = error->code == ERROR_GONE && progress->continue_token;
        if (error->code != ERROR_TOO_LARGE || progress->page_size == 1)
            return false;
        progress->page_size /= 2;
    }
    return true;
}

/* Items of a list come without apiVersion and kind; with them they look as in a watch or a get. */
static bool complete_item(const struct kubernetes_resource *resource, cJSON *item)
{
    char version[128];
    snprintf(version, sizeof version, "%s%s%s", resource->group, *resource->group ? "/" : "",
             resource->version);
    if (!json_member(item, "kind") && !cJSON_AddStringToObject(item, "kind", resource->kind))
        return false;
    return json_member(item, "apiVersion") || cJSON_AddStringToObject(item, "apiVersion", version);
}

static bool hand_over_items(const struct list_progress *progress, cJSON *items, struct error *error)
{
    for (cJSON *next; items && (next = items->child);) {
        _cleanup_(cJSON_Deletep) cJSON *item = cJSON_DetachItemViaPointer(items, next);
        if (!cJSON_IsObject(item))
            return error_set(error, ERROR_UNAVAILABLE, "list %s: an item is no object",
                             progress->target->resource->plural);
        if (!complete_item(progress->target->resource, item))
            return error_set_no_memory(error);
        if (!progress->handler->object(progress->handler->context, &item, error))
            return false;
    }
    return true;
}

static bool replace_string(char **string, const char *value, struct error *error)
{
    char *copy = value && *value ? strdup(value) : NULL;
    if (value && *value && !copy)
        return error_set_no_memory(error);
    free(*string);
    *string = copy;
    return true;
}

/* One page; `*is_complete` when it was the last. */
static bool take_page(struct list_progress *progress, struct error *error, bool *is_complete)
{
    _cleanup_(cJSON_Deletep) cJSON *page = NULL;
    if (!fetch_page(progress, error, &page))
        return false;
    struct error malformed;
    cJSON *metadata = NULL, *items = NULL;
    const char *version = NULL, *token = NULL;
    if (!json_require_object(page, JSON_ROOT, "metadata", &malformed, &metadata) ||
        !json_require_string(metadata, JSON_MEMBER(JSON_ROOT, "metadata"), "resourceVersion", &malformed,
                             &version) ||
        !json_read_string(metadata, JSON_MEMBER(JSON_ROOT, "metadata"), "continue", &malformed, &token) ||
        !json_read_array(page, JSON_ROOT, "items", &malformed, &items))
        return error_set(error, ERROR_UNAVAILABLE, "list %s: %s", progress->target->resource->plural,
                         malformed.message);
    if (!replace_string(&progress->continue_token, token, error) ||
        !replace_string(&progress->resource_version, version, error))
        return false;
    *is_complete = !progress->continue_token;
    return hand_over_items(progress, items, error);
}

static bool take_pages(struct list_progress *progress, struct error *error)
{
    bool is_complete = false;
    while (!is_complete) {
        if (!take_page(progress, error, &is_complete))
            return false;
    }
    return true;
}

bool kubernetes_list_each(struct kubernetes_client *client, const struct kubernetes_target *target,
                          const struct kubernetes_list_options *options, const struct kubernetes_call *call,
                          const struct kubernetes_list_handler *handler, struct error *error,
                          char **resource_version)
{
    static const struct kubernetes_list_options defaults = {0};
    _cleanup_(list_progress_done) struct list_progress progress = {
        .client = client,
        .target = target,
        .options = options ? options : &defaults,
        .call = call,
        .handler = handler,
    };
    progress.page_size = progress.options->page_size ? progress.options->page_size : KUBERNETES_PAGE_SIZE;
    struct error local;
    struct error *failure = error ? error : &local;
    for (unsigned restarts = 0;; restarts++) {
        if (handler->begin && !handler->begin(handler->context, failure))
            return false;
        if (take_pages(&progress, failure))
            break;
        if (!progress.is_expired || restarts == KUBERNETES_LIST_RESTARTS)
            return false;
        progress.is_expired = false;
        free(take_pointer(&progress.continue_token));
    }
    *resource_version = take_pointer(&progress.resource_version);
    return true;
}

static bool begin_array(void *context, struct error *error)
{
    cJSON **items = context;
    cJSON *empty = cJSON_CreateArray();
    if (!empty)
        return error_set_no_memory(error);
    cJSON_Delete(*items);
    *items = empty;
    return true;
}

static bool append_to_array(void *context, cJSON **object, struct error *error)
{
    (void) error;
    cJSON **items = context;
    cJSON_AddItemToArray(*items, take_pointer(object));
    return true;
}

bool kubernetes_list(struct kubernetes_client *client, const struct kubernetes_target *target,
                     const struct kubernetes_list_options *options, const struct kubernetes_call *call,
                     struct error *error, cJSON **items)
{
    _cleanup_(cJSON_Deletep) cJSON *collected = NULL;
    _cleanup_(freep) char *resource_version = NULL;
    const struct kubernetes_list_handler handler = {
        .begin = begin_array, .object = append_to_array, .context = &collected};
    if (!kubernetes_list_each(client, target, options, call, &handler, error, &resource_version))
        return false;
    *items = take_pointer(&collected);
    return true;
}
