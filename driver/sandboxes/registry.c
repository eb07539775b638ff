#include "driver/sandboxes/registry.h"

#include "common/cleanup.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/pod_state.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/registry_private.h"
#include "driver/sandboxes/report.h"
#include "kubernetes/resource.h"

#include <stdlib.h>
#include <string.h>

bool registry_new(const struct driver_configuration *configuration, struct error *error,
                  struct registry **registry)
{
    _cleanup_(freep) struct registry *created = calloc(1, sizeof *created);
    if (!created)
        return error_set_no_memory(error);
    if (!journal_init(&created->journal, error))
        return false;
    created->configuration = configuration;
    pthread_mutex_init(&created->mutex, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&created->changed, &clock);
    pthread_condattr_destroy(&clock);
    *registry = take_pointer(&created);
    return true;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    registry_table_done(&registry->table);
    journal_done(&registry->journal);
    pthread_mutex_destroy(&registry->mutex);
    pthread_cond_destroy(&registry->changed);
    free(registry);
}

void registry_set_listener(struct registry *registry, const struct registry_listener *listener)
{
    registry->listener = *listener;
}

void registry_lock(struct registry *registry)
{
    pthread_mutex_lock(&registry->mutex);
}

void registry_unlock(struct registry *registry)
{
    pthread_mutex_unlock(&registry->mutex);
}

void registry_unlock_and_tell(struct registry *registry, uint64_t sequence)
{
    bool has_grown = registry->journal.next != sequence;
    pthread_cond_broadcast(&registry->changed);
    registry_unlock(registry);
    if (has_grown && registry->listener.changed)
        registry->listener.changed(registry->listener.context);
}

bool registry_has_both_lists(const struct registry *registry)
{
    return registry->is_listed[REGISTRY_RECORD] && registry->is_listed[REGISTRY_POD];
}

bool registry_entry_has(const struct registry_entry *entry, enum registry_part part)
{
    return part == REGISTRY_RECORD ? entry->state.record.exists : entry->state.pod.exists;
}

const char *registry_entry_uid(const struct registry_entry *entry, enum registry_part part)
{
    return part == REGISTRY_RECORD ? entry->state.record.uid : entry->state.pod.uid;
}

/* The gateway hears of sandboxes whose create has ended. */
static bool is_visible(const struct sandbox_state *state)
{
    return state->record.exists && !state->record.is_creating;
}

/* Notes a change of what the gateway would be told, and drops an entry of which nothing is left. */
static void settle(struct registry *registry, struct registry_entry *entry)
{
    bool was_visible = entry->is_visible;
    entry->is_visible = is_visible(&entry->state);
    registry->visible += (size_t) entry->is_visible - (size_t) was_visible;
    if (entry->is_visible) {
        struct report report;
        report_make(&entry->state, monotonic_now_ns(), registry->configuration->image_pull_timeout_seconds,
                    &report);
        uint64_t digest = report_digest(&report);
        if (!was_visible || digest != entry->report_digest)
            entry->sequence = journal_append_change(&registry->journal, entry->number, entry->state.id);
        entry->report_digest = digest;
    }
    if (!entry->state.record.exists && !entry->state.pod.exists)
        registry_table_remove(&registry->table, entry);
}

static uint64_t version_of(const struct registry_entry *entry, enum registry_part part)
{
    return part == REGISTRY_RECORD ? entry->state.record.version : entry->state.pod.version;
}

static void put_pod(struct registry_entry *entry, const struct pod_state *pod)
{
    uint64_t since = strcmp(entry->state.pod.uid, pod->uid) == 0 ? entry->state.pod.blocked_since_ns : 0;
    entry->state.pod = *pod;
    if (pod->phase == POD_BLOCKED)
        entry->state.pod.blocked_since_ns = since ? since : monotonic_now_ns();
}

/* The younger of two states wins: what we wrote may be put before an older state arrives by the watch. */
static bool is_outdated(const struct registry_entry *entry, enum registry_part part, const char *uid,
                        uint64_t version)
{
    return registry_entry_has(entry, part) && version != 0 && version_of(entry, part) > version &&
           strcmp(registry_entry_uid(entry, part), uid) == 0;
}

/* What the first list brings was there before us, and stays so while it changes. */
static bool is_from_start(const struct registry *registry, const struct registry_entry *entry,
                          const struct record_state *record)
{
    const struct record_state *known = &entry->state.record;
    if (known->exists && strcmp(known->uid, record->uid) == 0)
        return known->is_from_start;
    return !registry->is_listed[REGISTRY_RECORD];
}

static bool is_refused(const struct registry_entry *entry, const char *uid)
{
    return entry->state.record.is_refused && strcmp(entry->state.record.uid, uid) == 0;
}

static void mark_refused(struct record_state *record, const char *instance)
{
    record->is_refused = record->is_creating = true;
    state_copy_text(record->starting_by, sizeof record->starting_by, instance);
}

static bool was_removed(const struct registry *registry, const char *uid)
{
    for (size_t index = 0; index < REMOVED_UIDS; index++) {
        if (strcmp(registry->removed[index], uid) == 0)
            return true;
    }
    return false;
}

bool registry_put(struct registry *registry, enum registry_part part, const cJSON *object,
                  struct error *error)
{
    struct sandbox_state read;
    const char *uid = kubernetes_object_uid(object);
    if (!uid || !state_read_identity(object, &read))
        return true;
    if (part == REGISTRY_RECORD)
        record_read(object, &read.record);
    else
        pod_state_read(object, &read.pod);

    registry_lock(registry);
    uint64_t before = registry->journal.next;
    bool is_gone_already = was_removed(registry, uid);
    struct registry_entry *entry = is_gone_already ? NULL : registry_table_ensure(&registry->table, &read);
    if (!entry) {
        registry_unlock(registry);
        return is_gone_already || error_set_no_memory(error);
    }
    entry->generation[part] = registry->generation[part];
    read.record.is_from_start = is_from_start(registry, entry, &read.record);
    if (is_refused(entry, read.record.uid))
        mark_refused(&read.record, entry->state.record.starting_by);
    if (!is_outdated(entry, part, uid, state_read_version(object))) {
        if (part == REGISTRY_RECORD)
            entry->state.record = read.record;
        else
            put_pod(entry, &read.pod);
        settle(registry, entry);
    }
    registry_unlock_and_tell(registry, before);
    return true;
}

static void forget(struct registry *registry, struct registry_entry *entry, enum registry_part part)
{
    memcpy(registry->removed[registry->removals++ % REMOVED_UIDS], registry_entry_uid(entry, part),
           UID_BYTES);
    if (part == REGISTRY_RECORD)
        entry->state.record = (struct record_state){0};
    else
        entry->state.pod = (struct pod_state){0};
    settle(registry, entry);
}

void registry_remove(struct registry *registry, enum registry_part part, const char *sandbox_id,
                     const char *uid)
{
    registry_lock(registry);
    uint64_t before = registry->journal.next;
    struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry && registry_entry_has(entry, part) &&
        (!uid || strcmp(uid, registry_entry_uid(entry, part)) == 0))
        forget(registry, entry, part);
    registry_unlock_and_tell(registry, before);
}

void registry_refuse(struct registry *registry, const char *sandbox_id, const char *uid, const char *instance)
{
    registry_lock(registry);
    uint64_t before = registry->journal.next;
    struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry && registry_entry_has(entry, REGISTRY_RECORD) &&
        strcmp(uid, registry_entry_uid(entry, REGISTRY_RECORD)) == 0) {
        mark_refused(&entry->state.record, instance);
        settle(registry, entry);
    }
    registry_unlock_and_tell(registry, before);
}

void registry_list_begin(struct registry *registry, enum registry_part part)
{
    registry_lock(registry);
    registry->generation[part]++;
    registry_unlock(registry);
}

void registry_list_end(struct registry *registry, enum registry_part part)
{
    registry_lock(registry);
    uint64_t before = registry->journal.next;
    for (size_t bucket = 0; bucket < REGISTRY_BUCKETS; bucket++) {
        struct registry_entry *entry = registry->table.buckets[bucket], *next;
        for (; entry; entry = next) {
            next = entry->next;
            if (registry_entry_has(entry, part) && entry->generation[part] != registry->generation[part])
                forget(registry, entry, part);
        }
    }
    bool was_synced = registry_has_both_lists(registry);
    registry->is_listed[part] = true;
    bool is_synced = registry_has_both_lists(registry);
    /* Readers wait for the first complete picture even when it is an empty one. */
    registry_unlock_and_tell(registry, is_synced && !was_synced ? 0 : before);
}

void registry_refresh(struct registry *registry, const char *sandbox_id)
{
    registry_lock(registry);
    uint64_t before = registry->journal.next;
    struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry)
        settle(registry, entry);
    registry_unlock_and_tell(registry, before);
}
