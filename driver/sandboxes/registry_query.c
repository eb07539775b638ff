#include "driver/sandboxes/monotonic.h"
#include "driver/sandboxes/registry_private.h"

#include <errno.h>
#include <string.h>

bool registry_is_synced(struct registry *registry)
{
    registry_lock(registry);
    bool result = registry_has_both_lists(registry);
    registry_unlock(registry);
    return result;
}

bool registry_find(struct registry *registry, const char *sandbox_id, struct sandbox_state *state)
{
    registry_lock(registry);
    const struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    if (entry)
        *state = entry->state;
    registry_unlock(registry);
    return entry != NULL;
}

static bool has_name(const struct sandbox_state *state, const char *workspace, const char *name,
                     const char *other_than)
{
    const struct record_state *record = &state->record;
    return record->exists && record->desired != DESIRED_DELETED && strcmp(state->name, name) == 0 &&
           strcmp(state->workspace, workspace) == 0 && (!other_than || strcmp(state->id, other_than) != 0);
}

bool registry_find_name(struct registry *registry, const char *workspace, const char *name,
                        const char *other_than, char sandbox_id[SANDBOX_ID_BYTES])
{
    size_t bucket = 0;
    uint64_t last_number = 0;
    const struct registry_entry *entry;
    registry_lock(registry);
    do
        entry = registry_table_after(&registry->table, &bucket, &last_number);
    while (entry && !has_name(&entry->state, workspace, name, other_than));
    if (entry)
        memcpy(sandbox_id, entry->state.id, SANDBOX_ID_BYTES);
    registry_unlock(registry);
    return entry != NULL;
}

void registry_each(struct registry *registry, bool (*visit)(void *context, const struct sandbox_state *state),
                   void *context)
{
    struct sandbox_state state;
    struct registry_reader position = {0};
    for (;;) {
        registry_lock(registry);
        const struct registry_entry *entry =
            registry_table_after(&registry->table, &position.bucket, &position.last_number);
        if (entry)
            state = entry->state;
        registry_unlock(registry);
        if (!entry || !visit(context, &state))
            return;
    }
}

size_t registry_count(struct registry *registry)
{
    registry_lock(registry);
    size_t count = registry->visible;
    registry_unlock(registry);
    return count;
}

static bool is_gone(const struct registry *registry, enum registry_part part, const char *sandbox_id,
                    const char *uid)
{
    const struct registry_entry *entry = registry_table_find(&registry->table, sandbox_id);
    return !entry || !registry_entry_has(entry, part) || strcmp(registry_entry_uid(entry, part), uid) != 0;
}

bool registry_wait_gone(struct registry *registry, enum registry_part part, const char *sandbox_id,
                        const char *uid, uint64_t deadline_ns)
{
    struct timespec deadline = monotonic_timespec(deadline_ns);
    int result = 0;
    registry_lock(registry);
    while (!is_gone(registry, part, sandbox_id, uid) && !registry->are_waits_cancelled && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&registry->changed, &registry->mutex, &deadline);
    bool has_gone = is_gone(registry, part, sandbox_id, uid);
    registry_unlock(registry);
    return has_gone;
}

bool registry_wait_synced(struct registry *registry, uint64_t deadline_ns)
{
    struct timespec deadline = monotonic_timespec(deadline_ns);
    int result = 0;
    registry_lock(registry);
    while (!registry_has_both_lists(registry) && !registry->are_waits_cancelled && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&registry->changed, &registry->mutex, &deadline);
    bool has_synced = registry_has_both_lists(registry);
    registry_unlock(registry);
    return has_synced;
}

void registry_cancel_waits(struct registry *registry)
{
    registry_lock(registry);
    registry->are_waits_cancelled = true;
    registry_unlock_and_tell(registry, registry->journal.next);
}

bool registry_are_waits_cancelled(struct registry *registry)
{
    registry_lock(registry);
    bool result = registry->are_waits_cancelled;
    registry_unlock(registry);
    return result;
}
