#include "driver/sandboxes/journal.h"

#include "driver/sandboxes/state.h"

#include <stdlib.h>

bool journal_init(struct journal *journal, struct error *error)
{
    journal->next = 1;
    journal->entries = calloc(JOURNAL_ENTRIES, sizeof *journal->entries);
    return journal->entries || error_set_no_memory(error);
}

void journal_done(struct journal *journal)
{
    for (size_t index = 0; journal->entries && index < JOURNAL_ENTRIES; index++)
        buffer_done(&journal->entries[index].event);
    free(journal->entries);
    journal->entries = NULL;
}

static struct journal_entry *append(struct journal *journal, enum journal_kind kind, const char *sandbox_id)
{
    struct journal_entry *entry = &journal->entries[journal->next++ % JOURNAL_ENTRIES];
    buffer_done(&entry->event);
    *entry = (struct journal_entry){.kind = kind};
    state_copy_text(entry->sandbox_id, sizeof entry->sandbox_id, sandbox_id);
    return entry;
}

uint64_t journal_append_change(struct journal *journal, uint64_t number, const char *sandbox_id)
{
    append(journal, JOURNAL_CHANGED, sandbox_id)->number = number;
    return journal->next - 1;
}

uint64_t journal_append_event(struct journal *journal, enum journal_kind kind, const char *sandbox_id,
                              struct buffer *event)
{
    append(journal, kind, sandbox_id)->event = *event;
    *event = BUFFER_INIT(event->maximum);
    return journal->next - 1;
}

uint64_t journal_first(const struct journal *journal)
{
    return journal->next > JOURNAL_ENTRIES ? journal->next - JOURNAL_ENTRIES : 1;
}

struct journal_entry *journal_at(struct journal *journal, uint64_t sequence)
{
    if (sequence < journal_first(journal) || sequence >= journal->next)
        return NULL;
    return &journal->entries[sequence % JOURNAL_ENTRIES];
}
