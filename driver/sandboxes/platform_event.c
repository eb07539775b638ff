#include "driver/sandboxes/platform_event.h"

#include "common/cleanup.h"
#include "common/json.h"

#include "compute_driver.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMPLETE_STEP "openshell.progress.complete_step"
#define COMPLETE_LABEL "openshell.progress.complete_label"
#define ACTIVE_STEP "openshell.progress.active_step"
#define ACTIVE_DETAIL "openshell.progress.active_detail"

#define STEP_REQUESTING "requesting_sandbox"
#define STEP_PULLING "pulling_image"
#define STEP_STARTING "starting_sandbox"

#define METADATA_ENTRIES 8
#define DETAIL_BYTES 512

const char *platform_event_pod(const cJSON *event)
{
    const cJSON *involved = json_member(event, "involvedObject");
    const char *name = json_text(involved, "name");
    return strcmp(json_text(involved, "kind"), "Pod") == 0 && *name ? name : NULL;
}

int64_t platform_event_time_ms(const char *text)
{
    struct tm time = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);
    if (!rest)
        return 0;
    int64_t milliseconds = 0;
    if (*rest == '.') {
        static const int weights[] = {100, 10, 1};
        rest++;
        for (size_t index = 0; *rest >= '0' && *rest <= '9'; rest++, index++)
            milliseconds += index < 3 ? (*rest - '0') * weights[index] : 0;
    }
    return strcmp(rest, "Z") == 0 ? (int64_t) timegm(&time) * 1000 + milliseconds : 0;
}

struct metadata {
    Compute__DriverPlatformEvent__MetadataEntry entries[METADATA_ENTRIES];
    Compute__DriverPlatformEvent__MetadataEntry *pointers[METADATA_ENTRIES];
    size_t count;
};

static void add(struct metadata *metadata, const char *key, const char *value)
{
    Compute__DriverPlatformEvent__MetadataEntry *entry = &metadata->entries[metadata->count];
    compute__driver_platform_event__metadata_entry__init(entry);
    entry->key = (char *) key;
    entry->value = (char *) value;
    metadata->pointers[metadata->count++] = entry;
}

/* Cuts what stands between `before` and `until` out of a message; "" when it is not there. */
static void extract(const char *message, const char *before, const char *until, char detail[DETAIL_BYTES])
{
    detail[0] = '\0';
    const char *start = strstr(message, before);
    if (!start)
        return;
    start += strlen(before);
    size_t length = strcspn(start, until);
    if (length >= DETAIL_BYTES || start[length] == '\0')
        return;
    memcpy(detail, start, length);
    detail[length] = '\0';
}

static void format_size(const char *bytes, char label[DETAIL_BYTES])
{
    double megabytes = strtod(bytes, NULL) / 1e6;
    if (megabytes >= 1000)
        snprintf(label, DETAIL_BYTES, "Image pulled (%.1f GB)", megabytes / 1000);
    else if (megabytes > 0)
        snprintf(label, DETAIL_BYTES, "Image pulled (%.1f MB)", megabytes);
    else
        snprintf(label, DETAIL_BYTES, "Image pulled");
}

/* `detail` and `label` hold what the entries point to. */
static void add_progress(struct metadata *metadata, const char *reason, const char *message,
                         char detail[DETAIL_BYTES], char label[DETAIL_BYTES])
{
    if (strcmp(reason, "Scheduled") == 0) {
        add(metadata, COMPLETE_STEP, STEP_REQUESTING);
        add(metadata, COMPLETE_LABEL, "Sandbox allocated");
        add(metadata, ACTIVE_STEP, STEP_PULLING);
    } else if (strcmp(reason, "Pulling") == 0) {
        add(metadata, ACTIVE_STEP, STEP_PULLING);
        extract(message, "Pulling image \"", "\"", detail);
        if (*detail)
            add(metadata, ACTIVE_DETAIL, detail);
    } else if (strcmp(reason, "Pulled") == 0) {
        extract(message, "Image size: ", " ", detail);
        format_size(detail, label);
        add(metadata, COMPLETE_STEP, STEP_PULLING);
        add(metadata, COMPLETE_LABEL, label);
        add(metadata, ACTIVE_STEP, STEP_STARTING);
    }
}

static int64_t time_of(const cJSON *event)
{
    static const char *const keys[] = {"lastTimestamp", "firstTimestamp", "eventTime"};
    for (size_t index = 0; index < sizeof keys / sizeof *keys; index++) {
        int64_t time_ms = platform_event_time_ms(json_text(event, keys[index]));
        if (time_ms)
            return time_ms;
    }
    return 0;
}

static bool pack(const Compute__WatchSandboxesEvent *event, struct error *error, struct buffer *packed)
{
    size_t length = compute__watch_sandboxes_event__get_packed_size(event);
    if (!buffer_reserve(packed, length))
        return buffer_check(packed, error);
    compute__watch_sandboxes_event__pack(event, (uint8_t *) packed->data + packed->length);
    packed->length += length;
    return true;
}

bool platform_event_pack(const cJSON *event, const char *sandbox_id, struct error *error,
                         struct buffer *packed)
{
    char detail[DETAIL_BYTES] = "", label[DETAIL_BYTES] = "", count[24];
    const cJSON *involved = json_member(event, "involvedObject");
    int64_t number = 1;
    (void) json_get_integer(json_member(event, "count"), &number);
    snprintf(count, sizeof count, "%" PRId64, number);

    struct metadata metadata = {.count = 0};
    add(&metadata, "involved_kind", json_text(involved, "kind"));
    add(&metadata, "involved_name", json_text(involved, "name"));
    add(&metadata, "namespace", json_text(involved, "namespace"));
    add(&metadata, "count", count);
    add_progress(&metadata, json_text(event, "reason"), json_text(event, "message"), detail, label);

    Compute__DriverPlatformEvent platform = COMPUTE__DRIVER_PLATFORM_EVENT__INIT;
    platform.timestamp_ms = time_of(event);
    platform.source = (char *) "kubernetes";
    platform.type = (char *) json_text(event, "type");
    platform.reason = (char *) json_text(event, "reason");
    platform.message = (char *) json_text(event, "message");
    platform.metadata = metadata.pointers;
    platform.n_metadata = metadata.count;
    Compute__WatchSandboxesPlatformEvent about = COMPUTE__WATCH_SANDBOXES_PLATFORM_EVENT__INIT;
    about.sandbox_id = (char *) sandbox_id;
    about.event = &platform;
    Compute__WatchSandboxesEvent outer = COMPUTE__WATCH_SANDBOXES_EVENT__INIT;
    outer.payload_case = COMPUTE__WATCH_SANDBOXES_EVENT__PAYLOAD_PLATFORM_EVENT;
    outer.platform_event = &about;
    return pack(&outer, error, packed);
}
