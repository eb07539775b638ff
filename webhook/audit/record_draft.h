/* One audit record in the making. What comes first is built and hashed without a lock; sequence, time and the
 * hash of the record before come last, so that only they are left to do while the log is held.
 *
 *     {"version":1,"type":"decision","chain":...,"replica":...,"product":...,   begin
 *      ..."uid":...,"decision":...,                                             the caller's members
 *      "sequence":42,"time":"...","previous":"..."                              finish
 *      ,"patch":"..."}                                                          set_patch
 *
 * Not for: where the line goes (audit_log.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/digest.h"
#include "webhook/audit/log_reader.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <sys/uio.h>

#define AUDIT_CHAIN_BYTES 33 /* 32 hex digits and the NUL */
#define AUDIT_REPLICA_BYTES 65

/* `previous` of a chain's first record. */
#define AUDIT_NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* What all records of a writer have in common. */
struct audit_identity {
    char chain[AUDIT_CHAIN_BYTES];
    char replica[AUDIT_REPLICA_BYTES]; /* the host's name */
};

/* Most of what record_draft_finish adds to the text. */
#define RECORD_END_BYTES 192

/* How the last member begins, in front of its base64. */
#define RECORD_PATCH_START ",\"patch\":\""

struct record_draft {
    struct buffer text;  /* of the line, up to the patch */
    const char *patch;   /* base64, the caller's; NULL: none */
    size_t patch_length; /* bytes */
    EVP_MD_CTX *hash;    /* of the text so far, once sealed */
};

/* Begins a record of `type`; the caller adds members through `text`. Needs record_draft_done, whatever
 * happened. */
void record_draft_begin(struct record_draft *draft, const struct audit_identity *identity, const char *type);

/* Append ,"<key>":<value> to the text. */
void record_draft_add_string(struct record_draft *draft, const char *key, const char *value);
void record_draft_add_integer(struct record_draft *draft, const char *key, uint64_t value);

/* The patch becomes the last member, and must stay where it is until the line is written. The record's hash
 * leaves it out (record_line.h), so the caller adds patchSha256, too. At most once. */
void record_draft_set_patch(struct record_draft *draft, const char *base64, size_t length);

/* No members follow. Hashes the text and makes room for the end. ERROR_TOO_LARGE when the line would pass
 * AUDIT_RECORD_BYTES, ERROR_NO_MEMORY. */
bool record_draft_seal(struct record_draft *draft, struct error *error) _warn_unused_result_;

/* Ends a sealed record and writes its hash. `moment` is its time as
 * clock_format_microtime writes it. Needs no memory. ERROR_INTERNAL when the digest fails all the same. */
bool record_draft_finish(struct record_draft *draft, uint64_t sequence, const char *moment,
                         const char *previous, struct error *error,
                         char hash[static DIGEST_SHA256_HEX_BYTES]) _warn_unused_result_;

/* Most bytes that the line will have, newline included, once it is finished; the record is sealed. */
size_t record_draft_most_bytes(const struct record_draft *draft);

/* The parts of a line, which stands in more than one place. */
#define RECORD_PARTS 3

/* Where the finished line stands, newline included; what is not needed is empty. */
void record_draft_locate(const struct record_draft *draft, struct iovec parts[static RECORD_PARTS]);

/* Accepts a zeroed struct. */
void record_draft_done(struct record_draft *draft);
