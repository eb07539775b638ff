#include "driver/sandboxes/registry.h"

#include "common/cleanup.h"
#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/pod_state.h"
#include "driver/sandboxes/record.h"
#include "driver/sandboxes/registry_table.h"
#include "driver/sandboxes/report.h"
#include "kubernetes/resource.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Objects that are remembered as gone, so that what we wrote ourselves cannot bring them back when the watch
 * was faster to say so. */
#define REMOVED_UIDS 256

struct registry {
    const struct driver_configuration *configuration;
    struct registry_listener listener;
    pthread_mutex_t mutex; /* for all that follows */
    pthread_cond_t changed;
    struct registry_table table;
    struct journal journal;
    unsigned generation[2];
    bool is_listed[2];
    bool are_waits_cancelled;
    size_t visible;
    char removed[REMOVED_UIDS][UID_BYTES]; /* a ring */
    size_t removals;
};

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

static void lock(struct registry *registry)
{
    pthread_mutex_lock(&registry->mutex);
}

/* Unlocks, wakes waiters, and tells the listener when the journal has grown past `sequence`. */
static void unlock_and_tell(struct registry *registry, uint64_t sequence)
{
    bool has_grown = registry->journal.next != sequence;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->mutex);
    if (has_grown && registry->listener.changed)
        registry->listener.changed(registry->listener.context);
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

static const char *uid_of(const struct registry_entry *entry, enum registry_part part)
{
    return part == REGISTRY_RECORD ? entry->state.record.uid : entry->state.pod.uid;
}

static bool exists(const struct registry_entry *entry, enum registry_part part)
{
    return part == REGISTRY_RECORD ? entry->state.record.exists : entry->state.pod.exists;
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
    return exists(entry, part) && version != 0 && version_of(entry, part) > version &&
           strcmp(uid_of(entry, part), uid) == 0;
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

    lock(registry);
    uint64_t before = registry->journal.next;
    bool is_gone_already = was_removed(registry, uid);
    struct registry_entry *entry = is_gone_already ? NULL : registry_table_ensure(&registry->table, &read);
    if (!entry) {
        pthread_mutex_unlock(&registry->mutex);
        return is_gone_already || error_set_no_memory(error);
    }
    entry->generation[part] = registry->generation[part];
    read.record.is_from_start = is_from_start(registry, entry, &read.record);
    if (!is_outdated(entry, part, uid, state_read_version(object))) {
        if (part == REGISTRY_RECORD)
            entry->state.record = read.record;
        else
            put_pod(entry, &read.pod);
        settle(registry, entry);
    }
    unlock_and_tell(registry, before);
    return true;
}

static void forget(struct registry *registry, struct registry_entry *entry, enum registry_part part)
{
    memcpy(registry->removed[registry->removals++ % REMOVED_UIDS], uid_of(entry, part), UID_BYTES);
    if (part == REGISTRY_RECORD)
        entry->state.record = (struct record_state){0};
    else
        entry->state.pod = (struct pod_state){0};
    settle(registry, entry);
}

void registry_remove(struct registry *registry, enum registry_part part, const char *sandbox_id,
                     const char *uid)
{
    lock(registry);
    uint64_t before = registry->journal.next;
    struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry && exists(entry, part) && (!uid || strcmp(uid, uid_of(entry, part)) == 0))
        forget(registry, entry, part);
    unlock_and_tell(registry, before);
}

void registry_list_begin(struct registry *registry, enum registry_part part)
{
    lock(registry);
    registry->generation[part]++;
    pthread_mutex_unlock(&registry->mutex);
}

void registry_list_end(struct registry *registry, enum registry_part part)
{
    lock(registry);
    uint64_t before = registry->journal.next;
    for (size_t bucket = 0; bucket < REGISTRY_BUCKETS; bucket++) {
        struct registry_entry *entry = registry->table.buckets[bucket], *next;
        for (; entry; entry = next) {
            next = entry->next;
            if (exists(entry, part) && entry->generation[part] != registry->generation[part])
                forget(registry, entry, part);
        }
    }
    bool was_synced = registry->is_listed[REGISTRY_RECORD] && registry->is_listed[REGISTRY_POD];
    registry->is_listed[part] = true;
    bool is_synced = registry->is_listed[REGISTRY_RECORD] && registry->is_listed[REGISTRY_POD];
    /* Readers wait for the first complete picture even when it is an empty one. */
    unlock_and_tell(registry, is_synced && !was_synced ? 0 : before);
}

static bool is_synced(const struct registry *registry)
{
    return registry->is_listed[REGISTRY_RECORD] && registry->is_listed[REGISTRY_POD];
}

bool registry_is_synced(struct registry *registry)
{
    lock(registry);
    bool result = is_synced(registry);
    pthread_mutex_unlock(&registry->mutex);
    return result;
}

bool registry_find(struct registry *registry, const char *sandbox_id, struct sandbox_state *state)
{
    lock(registry);
    const struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry)
        *state = entry->state;
    pthread_mutex_unlock(&registry->mutex);
    return entry != NULL;
}

static bool has_name(const struct sandbox_state *state, const char *workspace, const char *name,
                     const char *other_than)
{
    return state->record.exists && strcmp(state->name, name) == 0 &&
           strcmp(state->workspace, workspace) == 0 && (!other_than || strcmp(state->id, other_than) != 0);
}

bool registry_find_name(struct registry *registry, const char *workspace, const char *name,
                        const char *other_than, char sandbox_id[SANDBOX_ID_BYTES])
{
    size_t bucket = 0;
    uint64_t last_number = 0;
    const struct registry_entry *entry;
    lock(registry);
    do
        entry = registry_table_after(&registry->table, &bucket, &last_number);
    while (entry && !has_name(&entry->state, workspace, name, other_than));
    if (entry)
        memcpy(sandbox_id, entry->state.id, SANDBOX_ID_BYTES);
    pthread_mutex_unlock(&registry->mutex);
    return entry != NULL;
}

void registry_each(struct registry *registry, bool (*visit)(void *context, const struct sandbox_state *state),
                   void *context)
{
    struct sandbox_state state;
    struct registry_reader position = {0};
    for (;;) {
        lock(registry);
        const struct registry_entry *entry =
            registry_table_after(&registry->table, &position.bucket, &position.last_number);
        if (entry)
            state = entry->state;
        pthread_mutex_unlock(&registry->mutex);
        if (!entry || !visit(context, &state))
            return;
    }
}

static bool is_gone(const struct registry *registry, enum registry_part part, const char *sandbox_id,
                    const char *uid)
{
    const struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    return !entry || !exists(entry, part) || strcmp(uid_of(entry, part), uid) != 0;
}

bool registry_wait_gone(struct registry *registry, enum registry_part part, const char *sandbox_id,
                        const char *uid, uint64_t deadline_ns)
{
    struct timespec deadline = monotonic_timespec(deadline_ns);
    int result = 0;
    lock(registry);
    while (!is_gone(registry, part, sandbox_id, uid) && !registry->are_waits_cancelled && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&registry->changed, &registry->mutex, &deadline);
    bool has_gone = is_gone(registry, part, sandbox_id, uid);
    pthread_mutex_unlock(&registry->mutex);
    return has_gone;
}

bool registry_wait_synced(struct registry *registry, uint64_t deadline_ns)
{
    struct timespec deadline = monotonic_timespec(deadline_ns);
    int result = 0;
    lock(registry);
    while (!is_synced(registry) && !registry->are_waits_cancelled && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&registry->changed, &registry->mutex, &deadline);
    bool has_synced = is_synced(registry);
    pthread_mutex_unlock(&registry->mutex);
    return has_synced;
}

void registry_cancel_waits(struct registry *registry)
{
    lock(registry);
    registry->are_waits_cancelled = true;
    unlock_and_tell(registry, registry->journal.next);
}

bool registry_are_waits_cancelled(struct registry *registry)
{
    lock(registry);
    bool result = registry->are_waits_cancelled;
    pthread_mutex_unlock(&registry->mutex);
    return result;
}

void registry_refresh(struct registry *registry, const char *sandbox_id)
{
    lock(registry);
    uint64_t before = registry->journal.next;
    struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry)
        settle(registry, entry);
    unlock_and_tell(registry, before);
}

uint64_t registry_publish(struct registry *registry, enum journal_kind kind, const char *sandbox_id,
                          struct buffer *event)
{
    lock(registry);
    uint64_t before = registry->journal.next;
    uint64_t sequence = journal_append_event(&registry->journal, kind, sandbox_id, event);
    unlock_and_tell(registry, before);
    return sequence;
}

bool registry_is_delivered(struct registry *registry, uint64_t sequence)
{
    lock(registry);
    const struct journal_entry *entry = journal_at(&registry->journal, sequence);
    bool is_delivered = !entry || entry->is_delivered;
    pthread_mutex_unlock(&registry->mutex);
    return is_delivered;
}

size_t registry_count(struct registry *registry)
{
    lock(registry);
    size_t count = registry->visible;
    pthread_mutex_unlock(&registry->mutex);
    return count;
}

void registry_reader_init(struct registry *registry, struct registry_reader *reader)
{
    lock(registry);
    *reader = (struct registry_reader){.opened_at = registry->journal.next};
    reader->position = journal_first(&registry->journal);
    pthread_mutex_unlock(&registry->mutex);
}

/* The next sandbox of the snapshot that every reader begins with. */
static bool read_snapshot(struct registry *registry, struct registry_reader *reader,
                          struct sandbox_state *state)
{
    const struct registry_entry *entry;
    while ((entry = registry_table_after(&registry->table, &reader->bucket, &reader->last_number))) {
        if (!entry->is_visible)
            continue;
        *state = entry->state;
        reader->sending = 0;
        return true;
    }
    return false;
}

/* Whether this entry says something that the reader does not know; `state` is filled for changes. */
static bool is_news(struct registry *registry, const struct registry_reader *reader,
                    const struct journal_entry *entry, uint64_t sequence, struct sandbox_state *state)
{
    const struct registry_entry *found = registry_table_find(&registry->table, entry->sandbox_id);
    switch (entry->kind) {
    case JOURNAL_CHANGED:
        /* Of several changes of one sandbox only the last matters. */
        if (sequence < reader->opened_at || !found || !found->is_visible || found->number != entry->number ||
            found->sequence != sequence)
            return false;
        *state = found->state;
        return true;
    case JOURNAL_DELETED:
        /* Also deletions from before, since the gateway may have been away; but not of an id in use again. */
        return !found || !found->is_visible || found->state.record.desired == DESIRED_DELETED;
    case JOURNAL_PLATFORM:
        return sequence >= reader->opened_at;
    }
    return false;
}

static enum registry_step read_journal(struct registry *registry, struct registry_reader *reader,
                                       struct sandbox_state *state, struct buffer *event)
{
    while (reader->position < registry->journal.next) {
        uint64_t sequence = reader->position++;
        const struct journal_entry *entry = journal_at(&registry->journal, sequence);
        if (!is_news(registry, reader, entry, sequence, state))
            continue;
        reader->sending = sequence;
        if (entry->kind == JOURNAL_CHANGED)
            return REGISTRY_STATE;
        buffer_append(event, buffer_string(&entry->event), entry->event.length);
        return REGISTRY_EVENT;
    }
    return REGISTRY_NOTHING;
}

enum registry_step registry_read(struct registry *registry, struct registry_reader *reader,
                                 struct sandbox_state *state, struct buffer *event)
{
    enum registry_step step = REGISTRY_NOTHING;
    lock(registry);
    if (is_synced(registry)) {
        if (reader->position < journal_first(&registry->journal))
            *reader = (struct registry_reader){.opened_at = registry->journal.next,
                                               .position = journal_first(&registry->journal)};
        if (read_snapshot(registry, reader, state))
            step = REGISTRY_STATE;
        else
            step = read_journal(registry, reader, state, event);
    }
    pthread_mutex_unlock(&registry->mutex);
    return step;
}

void registry_reader_sent(struct registry *registry, struct registry_reader *reader)
{
    lock(registry);
    struct journal_entry *entry = journal_at(&registry->journal, reader->sending);
    if (entry)
        entry->is_delivered = true;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->mutex);
}
