/* A line of the API server's audit log, or of ours, of any bytes. What must hold: no crash and no leak; an
 * event that was read has texts throughout. */
#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/audit/api_event.h"
#include "webhook/audit/decision_record.h"
#include "webhook/audit/match_records.h"

#include <stdlib.h>

#define WEBHOOK "inject.injector.openshell.ai"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_event(const cJSON *tree)
{
    _cleanup_(cJSON_Deletep) cJSON *holder = NULL;
    struct api_event event;
    struct error error;
    const cJSON *patch;
    char digest[DIGEST_SHA256_HEX_BYTES];
    bool is_creation;
    if (!api_event_read(tree, WEBHOOK, &error, &event, &is_creation) || !is_creation)
        return;
    if (!event.audit_id || !event.namespace_name || !event.pod || !event.user || !event.received ||
        !event.completed || event.anchor_count > API_EVENT_ANCHORS)
        abort();
    (void) match_parse_time(event.received);
    if (api_event_find_patch(&event, WEBHOOK, &error, &holder, &patch))
        (void) !match_digest_patch(patch, &error, digest);
}

static void read_record(const cJSON *tree)
{
    struct audit_record record;
    struct audit_decision decision;
    struct error error;
    if (audit_record_read(tree, &error, &record) && !record.time)
        abort();
    if (audit_decision_read(tree, &error, &decision) && !audit_decision_pod_name(&decision))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.bytes = API_EVENT_BYTES, .depth = API_EVENT_DEPTH};
    const struct line line = {.text = (const char *) data, .length = size};
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    struct error error;
    (void) api_event_is_of_interest(&line);
    if (size == 0 || !json_parse((const char *) data, size, &limits, &error, &tree))
        return 0;
    read_event(tree);
    read_record(tree);
    return 0;
}
