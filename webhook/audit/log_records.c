#include "webhook/audit/log_state.h"

#include "common/base64.h"
#include "common/text.h"
#include "kubernetes/clock.h"

#include <string.h>

/* Torn bytes that a recovery record holds; of more it tells count and hash alone. */
#define TORN_KEPT_BYTES (64u * 1024)

/* Seals, writes and keeps in the head; the draft is done in any case. */
static bool append(struct audit_log *log, struct record_draft *draft, struct error *error)
{
    struct audit_entry entry = {.draft = *draft};
    bool is_written = record_draft_seal(&entry.draft, error) &&
                      log_writer_append(log, &entry, 1, error) == 1 && entry.position.sequence != 0;
    record_draft_done(&entry.draft);
    return is_written;
}

static bool add_torn(const struct buffer *torn, struct record_draft *draft, struct error *error)
{
    char hash[DIGEST_SHA256_HEX_BYTES];
    if (torn->length == 0)
        return true;
    if (!digest_sha256_hex(torn->data, torn->length, error, hash))
        return false;
    record_draft_add_integer(draft, "tornBytes", torn->length);
    record_draft_add_string(draft, "tornSha256", hash);
    if (torn->length > TORN_KEPT_BYTES)
        return true;
    buffer_append_string(&draft->text, ",\"torn\":\"");
    base64_append(&draft->text, torn->data, torn->length);
    buffer_append_character(&draft->text, '"');
    return true;
}

static bool settle_recovery(struct audit_log *log, struct error *error)
{
    struct pending_recovery *recovery = &log->recovery;
    struct record_draft draft;
    record_draft_begin(&draft, &log->identity, "recovery");
    if (!add_torn(&recovery->torn, &draft, error)) {
        record_draft_done(&draft);
        return false;
    }
    if (recovery->missing_to) {
        buffer_append_format(&draft.text, ",\"missing\":{\"from\":%llu,\"to\":%llu}",
                             (unsigned long long) recovery->missing_from,
                             (unsigned long long) recovery->missing_to);
    }
    if (!append(log, &draft, error))
        return false;
    buffer_done(&recovery->torn);
    recovery->is_pending = false;
    return true;
}

static bool settle_gap(struct audit_log *log, struct error *error)
{
    struct audit_gap *gap = &log->head.gap;
    struct record_draft draft;
    record_draft_begin(&draft, &log->identity, "gap");
    record_draft_add_integer(&draft, "dropped", gap->dropped);
    record_draft_add_string(&draft, "since", gap->since);
    record_draft_add_string(&draft, "until", gap->until);
    record_draft_add_string(&draft, "reason", gap->reason);
    if (!append(log, &draft, error))
        return false;
    *gap = (struct audit_gap){0};
    return true;
}

bool log_records_settle(struct audit_log *log, struct error *error)
{
    if (!log->recovery.is_pending && !log->head.gap.dropped)
        return true;
    if (log->recovery.is_pending && !settle_recovery(log, error))
        return false;
    if (log->head.gap.dropped && !settle_gap(log, error))
        return false;
    log_writer_save_head(log);
    return true;
}

/* The start of a message in plain characters: the head must stay valid JSON of its size. */
static void keep_reason(const char *message, char reason[static AUDIT_GAP_REASON_BYTES])
{
    size_t length = strnlen(message, AUDIT_GAP_REASON_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        reason[i] = message[i] >= ' ' && message[i] <= '~' && message[i] != '\\' ? message[i] : '?';
    reason[length] = '\0';
}

void log_records_note_gap(struct audit_log *log, const struct error *why)
{
    struct audit_gap *gap = &log->head.gap;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_format_microtime(&now, gap->until);
    if (gap->dropped++ == 0) {
        TEXT_COPY(gap->since, gap->until);
        keep_reason(why->message, gap->reason);
    }
    log->statistics.dropped++;
    log->is_head_due = true;
}

static void keep_checkpoint(struct audit_log *log, const struct audit_statement *statement,
                            const char *previous, const char *signature)
{
    struct audit_signed_state *state = &log->head.checkpoint;
    state->sequence = statement->sequence;
    TEXT_COPY(state->previous, previous);
    TEXT_COPY(state->key_id, log->key->id);
    TEXT_COPY(state->public_key, log->key->public_key);
    TEXT_COPY(state->signature, signature);
    TEXT_COPY(log->head.key_id, log->key->id);
    log->unsigned_records = 0;
    log->checkpoint_ns = clock_now_ns();
}

bool log_records_checkpoint(struct audit_log *log, struct error *error)
{
    char signature[AUDIT_SIGNATURE_BYTES], previous[DIGEST_SHA256_HEX_BYTES];
    if (!log->key)
        return true;
    TEXT_COPY(previous, log->head.position.hash);
    const struct audit_statement statement = {
        .chain = log->identity.chain, .sequence = log->head.position.sequence + 1, .previous = previous};
    struct record_draft draft;
    if (!audit_key_sign(log->key, &statement, error, signature))
        return false;
    record_draft_begin(&draft, &log->identity, "checkpoint");
    record_draft_add_string(&draft, "keyId", log->key->id);
    record_draft_add_string(&draft, "publicKey", log->key->public_key);
    record_draft_add_string(&draft, "signature", signature);
    if (!append(log, &draft, error))
        return false;
    keep_checkpoint(log, &statement, previous, signature);
    log_writer_save_head(log);
    return true;
}

bool log_records_rotate_key(struct audit_log *log, const struct audit_key *old, const struct audit_key *next,
                            struct error *error)
{
    char old_signature[AUDIT_SIGNATURE_BYTES], new_signature[AUDIT_SIGNATURE_BYTES];
    const struct audit_statement statement = {.chain = log->identity.chain,
                                              .sequence = log->head.position.sequence + 1,
                                              .previous = log->head.position.hash,
                                              .old_key_id = old->id,
                                              .new_key_id = next->id};
    struct record_draft draft;
    if (!audit_key_sign(old, &statement, error, old_signature) ||
        !audit_key_sign(next, &statement, error, new_signature))
        return false;
    record_draft_begin(&draft, &log->identity, "key-rotation");
    record_draft_add_string(&draft, "oldKeyId", old->id);
    record_draft_add_string(&draft, "oldPublicKey", old->public_key);
    record_draft_add_string(&draft, "newKeyId", next->id);
    record_draft_add_string(&draft, "newPublicKey", next->public_key);
    record_draft_add_string(&draft, "oldSignature", old_signature);
    record_draft_add_string(&draft, "newSignature", new_signature);
    if (!append(log, &draft, error))
        return false;
    TEXT_COPY(log->head.key_id, next->id);
    log_writer_save_head(log);
    return true;
}
