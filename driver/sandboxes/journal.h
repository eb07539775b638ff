/* What watch streams read: a log of what changed, of limited length.
 *
 * Entries name a sandbox that changed, or hold a finished event (a deletion, a platform event). A reader
 * keeps a position and asks; nothing is queued for it, so it may be as slow as it likes. One that falls
 * behind the log's length is told so and starts over with a full snapshot. The registry owns the journal and
 * its lock.
 *
 * Not for: the sandboxes themselves (registry.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "driver/sandboxes/names.h"

#include <stdint.h>

/* Entries that are kept. A reader that is further behind than this reads everything anew. */
#define JOURNAL_ENTRIES 8192

enum journal_kind {
    JOURNAL_CHANGED,  /* the sandbox `number` is not what it was */
    JOURNAL_DELETED,  /* `event` says that a sandbox is gone */
    JOURNAL_PLATFORM, /* `event` tells what the cluster does for a sandbox; of no use to later readers */
};

struct journal_entry {
    enum journal_kind kind;
    uint64_t number;     /* JOURNAL_CHANGED: the sandbox's, see registry.h */
    struct buffer event; /* else: a packed WatchSandboxesEvent, owned */
    char sandbox_id[SANDBOX_ID_BYTES];
    bool is_delivered; /* a reader has sent it */
};

struct journal {
    struct journal_entry *entries; /* JOURNAL_ENTRIES, a ring */
    uint64_t next;                 /* sequence of the next entry; the first one has 1 */
};

bool journal_init(struct journal *journal, struct error *error) _warn_unused_result_;
void journal_done(struct journal *journal);

/* Appends; the oldest entry is dropped when the ring is full. Returns the entry's sequence. */
uint64_t journal_append_change(struct journal *journal, uint64_t number, const char *sandbox_id);

/* Appends a finished event, which is taken over (`event` is left empty). */
uint64_t journal_append_event(struct journal *journal, enum journal_kind kind, const char *sandbox_id,
                              struct buffer *event);

/* The oldest sequence that is still there. */
uint64_t journal_first(const struct journal *journal);

/* The entry of a sequence, NULL when it was dropped or has not come. Valid until the next append. */
struct journal_entry *journal_at(struct journal *journal, uint64_t sequence);
