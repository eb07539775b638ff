#include "driver/sandboxes/registry_private.h"

uint64_t registry_publish(struct registry *registry, enum journal_kind kind, const char *sandbox_id,
                          struct buffer *event)
{
    registry_lock(registry);
    uint64_t before = registry->journal.next;
    uint64_t sequence = journal_append_event(&registry->journal, kind, sandbox_id, event);
    registry_unlock_and_tell(registry, before);
    return sequence;
}

bool registry_is_delivered(struct registry *registry, uint64_t sequence)
{
    registry_lock(registry);
    const struct journal_entry *entry = journal_at(&registry->journal, sequence);
    bool is_delivered = !entry || entry->is_delivered;
    registry_unlock(registry);
    return is_delivered;
}

void registry_reader_init(struct registry *registry, struct registry_reader *reader)
{
    registry_lock(registry);
    *reader = (struct registry_reader){.opened_at = registry->journal.next};
    reader->position = journal_first(&registry->journal);
    registry_unlock(registry);
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
    registry_lock(registry);
    if (registry_has_both_lists(registry)) {
        if (reader->position < journal_first(&registry->journal))
            *reader = (struct registry_reader){.opened_at = registry->journal.next,
                                               .position = journal_first(&registry->journal)};
        if (read_snapshot(registry, reader, state))
            step = REGISTRY_STATE;
        else
            step = read_journal(registry, reader, state, event);
    }
    registry_unlock(registry);
    return step;
}

bool registry_reader_sent(struct registry *registry, struct registry_reader *reader)
{
    registry_lock(registry);
    struct journal_entry *entry = journal_at(&registry->journal, reader->sending);
    bool is_deletion = entry && entry->kind == JOURNAL_DELETED && !entry->is_delivered;
    if (entry)
        entry->is_delivered = true;
    pthread_cond_broadcast(&registry->changed);
    registry_unlock(registry);
    return is_deletion;
}
