#include "webhook/audit/recorder.h"

#include "common/digest.h"
#include "common/json_canonical.h"
#include "webhook/audit/decision_draft.h"
#include "webhook/audit/redaction.h"

#include <inttypes.h>
#include <stdlib.h>

static bool keep_redacted(const cJSON *object, struct error *error, struct buffer *text)
{
    _cleanup_(cJSON_Deletep) cJSON *copy = cJSON_Duplicate(object, true);
    if (!copy)
        return error_set_no_memory(error);
    return redaction_apply(copy, error) && json_append_canonical(copy, error, text);
}

static bool examine(void *context, const cJSON *object, struct error *error,
                    struct admission_evidence *evidence)
{
    const struct audit_recorder *recorder = context;
    struct buffer *text = &evidence->object;
    if (!json_append_canonical(object, error, text) ||
        !digest_sha256_hex(text->data, text->length, error, evidence->object_sha256))
        return false;
    if (recorder->objects == AUDIT_OBJECTS_WHOLE)
        return true;
    buffer_clear(text);
    return recorder->objects == AUDIT_OBJECTS_NONE || keep_redacted(object, error, text);
}

/* A record of ours on its way. */
struct pending {
    struct admission_record admission; /* first: what others know of it */
    struct audit_entry entry;
};

static void release(void *context, struct admission_record *record)
{
    struct pending *pending = (struct pending *) record;
    (void) context;
    record_draft_done(&pending->entry.draft);
    free(pending);
}

static bool make(struct audit_recorder *recorder, const struct admission_event *event, struct error *error,
                 struct pending **result)
{
    struct pending *pending = malloc(sizeof *pending);
    if (!pending)
        return error_set_no_memory(error);
    pending->admission.next = NULL;
    if (!decision_draft_make(event, audit_log_identity(recorder->log), error, &pending->entry.draft) ||
        !configuration_archive_store(&recorder->archive, event->configuration, error)) {
        release(recorder, &pending->admission);
        return false;
    }
    *result = pending;
    return true;
}

static bool prepare(void *context, const struct admission_event *event, struct error *error,
                    struct admission_record **record)
{
    struct audit_recorder *recorder = context;
    struct pending *pending = NULL;
    struct error why;
    bool is_made = make(recorder, event, &why, &pending);
    *record = is_made ? &pending->admission : NULL;
    if (is_made)
        return true;
    audit_log_drop(recorder->log, &why);
    if (!recorder->is_required)
        return true;
    *error = why;
    return error_prefix(error, "the decision cannot be recorded");
}

static void conclude(const struct audit_recorder *recorder, struct pending *pending)
{
    struct admission_record *record = &pending->admission;
    const struct audit_position *position = &pending->entry.position;
    *record->mark = '\0';
    if (position->sequence)
        snprintf(record->mark, sizeof record->mark, "%" PRIu64 ":%s", position->sequence, position->hash);
    record->is_refused = recorder->is_required && !pending->entry.is_written;
    if (record->is_refused)
        (void) !error_prefix(&record->error, "the decision cannot be recorded");
}

static struct pending *next_of(const struct pending *pending)
{
    return (struct pending *) pending->admission.next;
}

static void write_together(void *context, struct admission_record *first)
{
    const struct audit_recorder *recorder = context;
    struct pending *pending = (struct pending *) first;
    for (; pending; pending = next_of(pending)) {
        pending->entry.error = &pending->admission.error;
        pending->entry.next = next_of(pending) ? &next_of(pending)->entry : NULL;
    }
    pending = (struct pending *) first;
    audit_log_append(recorder->log, &pending->entry);
    for (; pending; pending = next_of(pending))
        conclude(recorder, pending);
}

void audit_recorder_init(struct audit_recorder *recorder, struct audit_log *log,
                         const struct audit_log_options *options, enum audit_objects objects)
{
    *recorder = (struct audit_recorder){.log = log, .objects = objects, .is_required = options->is_required};
    configuration_archive_init(&recorder->archive, options->directory);
    recorder->admission = (struct admission_recorder){.examine = examine,
                                                      .prepare = prepare,
                                                      .write = write_together,
                                                      .release = release,
                                                      .context = recorder};
}

void audit_recorder_done(struct audit_recorder *recorder)
{
    configuration_archive_done(&recorder->archive);
}
