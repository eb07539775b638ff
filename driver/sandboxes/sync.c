#include "driver/sandboxes/sync.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "driver/sandboxes/platform_event.h"
#include "kubernetes/reflector.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Longest event that is passed on to the gateway. */
#define EVENT_BYTES_MAXIMUM (16u * 1024)
/* Watches of events have no bookmarks, so a quiet one looks dead (KUBERNETES_WATCH_STALL_MS) unless it ends
 * before; the server takes up to twice this. */
#define EVENT_WATCH_SECONDS 60u

/* One reflector's view. */
struct feed {
    struct sync *sync;
    const struct kubernetes_resource *resource;
    enum registry_part part;
    struct kubernetes_reflector *reflector;
};

struct sync {
    struct registry *registry;
    struct sync_observer observer;
    struct feed records;
    struct feed pods;
    struct feed events;
    /* Of the events' reflector's thread: what a list repeats is not told twice. */
    bool is_listing_events;
    bool has_listed_events;
    int64_t newest_event_ms;
};

static void observe(const struct feed *feed)
{
    const struct sync_observer *observer = &feed->sync->observer;
    if (observer->event)
        observer->event(observer->context, feed->resource->plural);
}

static void report_failure(void *context, const struct error *error, unsigned retry_ms)
{
    const struct feed *feed = context;
    const struct sync_observer *observer = &feed->sync->observer;
    if (observer->failed)
        observer->failed(observer->context, feed->resource->plural, error, retry_ms);
}

static void begin_list(void *context)
{
    const struct feed *feed = context;
    registry_list_begin(feed->sync->registry, feed->part);
}

static void end_list(void *context)
{
    const struct feed *feed = context;
    registry_list_end(feed->sync->registry, feed->part);
    /* A list's pages took many times what is kept of them. */
    malloc_trim(0);
}

static bool take_object(void *context, cJSON **object, struct error *error)
{
    const struct feed *feed = context;
    observe(feed);
    return registry_put(feed->sync->registry, feed->part, *object, error);
}

static void drop_object(void *context, const cJSON *object)
{
    const struct feed *feed = context;
    const cJSON *labels = json_member(json_member(object, "metadata"), "labels");
    const cJSON *id = json_member(labels, LABEL_SANDBOX_ID);
    const char *uid = kubernetes_object_uid(object);
    observe(feed);
    if (cJSON_IsString(id) && uid)
        registry_remove(feed->sync->registry, feed->part, id->valuestring, uid);
}

static void begin_events(void *context)
{
    const struct feed *feed = context;
    feed->sync->is_listing_events = true;
}

static void end_events(void *context)
{
    const struct feed *feed = context;
    feed->sync->is_listing_events = false;
    feed->sync->has_listed_events = true;
}

static int64_t event_time_ms(const cJSON *event)
{
    const cJSON *last = json_member(event, "lastTimestamp");
    return cJSON_IsString(last) ? platform_event_time_ms(last->valuestring) : 0;
}

/* What was there before we came, or before the watch broke off, has been told or is of no use any more. */
static bool is_old_event(struct sync *sync, const cJSON *event)
{
    int64_t time_ms = event_time_ms(event);
    bool is_repeated =
        sync->is_listing_events && (!sync->has_listed_events || time_ms <= sync->newest_event_ms);
    if (time_ms > sync->newest_event_ms)
        sync->newest_event_ms = time_ms;
    return is_repeated;
}

/* A pod of shared mode is named <workspace>--<name>, and neither part holds "--". */
static bool find_sandbox(struct sync *sync, const char *pod, char sandbox_id[SANDBOX_ID_BYTES])
{
    const char *separator = strstr(pod, "--");
    size_t length = separator ? (size_t) (separator - pod) : 0;
    char workspace[SANDBOX_NAME_BYTES];
    if (length == 0 || length >= sizeof workspace)
        return false;
    memcpy(workspace, pod, length);
    workspace[length] = '\0';
    return registry_find_name(sync->registry, workspace, separator + 2, NULL, sandbox_id);
}

static bool take_event(void *context, cJSON **object, struct error *error)
{
    const struct feed *feed = context;
    struct sync *sync = feed->sync;
    char sandbox_id[SANDBOX_ID_BYTES];
    const char *pod = platform_event_pod(*object);
    observe(feed);
    if (is_old_event(sync, *object) || !pod || !find_sandbox(sync, pod, sandbox_id))
        return true;
    struct buffer packed = BUFFER_INIT(EVENT_BYTES_MAXIMUM);
    bool is_packed = platform_event_pack(*object, sandbox_id, error, &packed);
    if (is_packed)
        (void) registry_publish(sync->registry, JOURNAL_PLATFORM, sandbox_id, &packed);
    buffer_done(&packed);
    /* An event too long for its place is only news; it is left out. */
    return is_packed || error->code == ERROR_TOO_LARGE;
}

static void ignore_object(void *context, const cJSON *object)
{
    (void) context;
    (void) object;
}

static bool start_feed(struct feed *feed, struct kubernetes_client *client, const char *namespace_name,
                       const struct kubernetes_reflector_options *options, struct error *error)
{
    bool is_events = feed->resource == &kubernetes_events;
    const struct kubernetes_target target = {.resource = feed->resource, .namespace_name = namespace_name};
    const struct kubernetes_reflector_handler handler = {
        .list_begin = is_events ? begin_events : begin_list,
        .object = is_events ? take_event : take_object,
        .deleted = is_events ? ignore_object : drop_object,
        .list_end = is_events ? end_events : end_list,
        .failed = report_failure,
        .context = feed,
    };
    return kubernetes_reflector_start(client, &target, options, &handler, error, &feed->reflector);
}

DEFINE_POINTER_CLEANUP(struct sync *, sync_free)

bool sync_start(struct kubernetes_client *client, const struct driver_configuration *configuration,
                struct registry *registry, const struct sync_observer *observer, struct error *error,
                struct sync **started)
{
    _cleanup_(sync_freep) struct sync *sync = calloc(1, sizeof *sync);
    if (!sync)
        return error_set_no_memory(error);
    sync->registry = registry;
    sync->observer = *observer;
    sync->records = (struct feed){sync, &kubernetes_secrets, REGISTRY_RECORD, NULL};
    sync->pods = (struct feed){sync, &kubernetes_pods, REGISTRY_POD, NULL};
    sync->events = (struct feed){.sync = sync, .resource = &kubernetes_events};

    char selector[SELECTOR_BYTES];
    name_selector(configuration, selector);
    bool is_shared = configuration->workspace_mode == WORKSPACE_SHARED;
    const char *namespace_name = is_shared ? configuration->namespace_name : NULL;
    const struct kubernetes_reflector_options ours = {.label_selector = selector};
    const struct kubernetes_reflector_options of_pods = {.field_selector = "involvedObject.kind=Pod",
                                                         .watch_seconds = EVENT_WATCH_SECONDS};
    if (!start_feed(&sync->records, client, namespace_name, &ours, error) ||
        !start_feed(&sync->pods, client, namespace_name, &ours, error))
        return false;
    /* Who may read the events of all namespaces is another matter: several modes do without. */
    if (is_shared && !start_feed(&sync->events, client, namespace_name, &of_pods, error))
        return false;
    *started = take_pointer(&sync);
    return true;
}

void sync_free(struct sync *sync)
{
    if (!sync)
        return;
    kubernetes_reflector_free(sync->records.reflector);
    kubernetes_reflector_free(sync->pods.reflector);
    kubernetes_reflector_free(sync->events.reflector);
    free(sync);
}
