#include "webhook/audit/recorder.h"

#include "common/digest.h"
#include "common/json_canonical.h"
#include "webhook/audit/decision_draft.h"
#include "webhook/audit/redaction.h"

#include <inttypes.h>

static bool keep_redacted(const cJSON *object, struct error *error, struct buffer *text)
{
    _cleanup_(cJSON_Deletep) cJSON *copy = cJSON_Duplicate(object, true);
    if (!copy)
        return error_set_no_memory(error);
    return redaction_apply(copy, error) && json_append_canonical(copy, error, text);
}

/* Enough for an ordinary pod without growing. */
#define FIRST_OBJECT_BYTES (8u * 1024)

static bool examine(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence)
{
    const struct audit_recorder *recorder = context;
    struct buffer *text = &evidence->object;
    buffer_reserve(text, FIRST_OBJECT_BYTES);
    if (!json_append_canonical(object, error, text) ||
        !digest_sha256_hex(text->data, text->length, error, evidence->object_sha256))
        return false;
    if (recorder->objects == AUDIT_OBJECTS_WHOLE)
        return true;
    buffer_clear(text);
    return recorder->objects == AUDIT_OBJECTS_NONE || keep_redacted(object, error, text);
}

static bool append(struct audit_recorder *recorder, const struct admission_event *event, struct error *error,
                   struct audit_position *position)
{
    struct record_draft draft;
    bool is_made = decision_draft_make(event, audit_log_identity(recorder->log), error, &draft) &&
                   configuration_archive_store(&recorder->archive, event->configuration, error);
    if (!is_made)
        audit_log_drop(recorder->log, error);
    bool is_written = is_made && audit_log_append(recorder->log, &draft, error, position);
    record_draft_done(&draft);
    return is_written;
}

static bool record(void *context, const struct admission_event *event, struct error *error,
                   char mark[static ADMISSION_MARK_BYTES])
{
    struct audit_recorder *recorder = context;
    struct audit_position position = {.sequence = 0};
    struct error why;
    *mark = '\0';
    if (!append(recorder, event, &why, &position) && recorder->is_required) {
        *error = why;
        return error_prefix(error, "the decision cannot be recorded");
    }
    if (position.sequence)
        snprintf(mark, ADMISSION_MARK_BYTES, "%" PRIu64 ":%s", position.sequence, position.hash);
    return true;
}

static void settle(void *context)
{
    const struct audit_recorder *recorder = context;
    audit_log_settle(recorder->log);
}

void audit_recorder_init(struct audit_recorder *recorder, struct audit_log *log,
                         const struct audit_log_options *options, enum audit_objects objects)
{
    *recorder = (struct audit_recorder){.log = log, .objects = objects, .is_required = options->is_required};
    configuration_archive_init(&recorder->archive, options->directory);
    recorder->admission = (struct admission_recorder){
        .examine = examine, .record = record, .settle = settle, .context = recorder};
}

void audit_recorder_done(struct audit_recorder *recorder)
{
    configuration_archive_done(&recorder->archive);
}
