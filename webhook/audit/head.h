/* `head.json`: the newest state of a log, kept beside it. Written after each record, over itself in one
 * write of a fixed size, so that it takes no new space on a full disk. The log may be ahead of it (a crash
 * between the two writes), never behind: that is how a cut tail shows.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"
#include "kubernetes/clock.h"
#include "webhook/audit/record_draft.h"
#include "webhook/audit/signature.h"

#include <cjson/cJSON.h>
#include <stdint.h>

#define AUDIT_HEAD_NAME "head.json"

/* Size of the file, always. */
#define AUDIT_HEAD_BYTES 2048

/* Longest reason of a gap. */
#define AUDIT_GAP_REASON_BYTES 128

/* The place of a record in its chain. Zero and AUDIT_NO_HASH before the first. */
struct audit_position {
    uint64_t sequence;
    char hash[DIGEST_SHA256_HEX_BYTES];
};

/* The last signed statement, whole: it can be checked without the log. */
struct audit_signed_state {
    uint64_t sequence; /* 0: none */
    char previous[DIGEST_SHA256_HEX_BYTES];
    char key_id[DIGEST_SHA256_HEX_BYTES];
    char public_key[AUDIT_PUBLIC_KEY_BYTES];
    char signature[AUDIT_SIGNATURE_BYTES];
};

/* Records that could not be written, and that no gap record tells of yet. */
struct audit_gap {
    uint64_t dropped; /* 0: none */
    char since[MICROTIME_BYTES], until[MICROTIME_BYTES];
    char reason[AUDIT_GAP_REASON_BYTES];
};

struct audit_head {
    char chain[AUDIT_CHAIN_BYTES];
    struct audit_position position;
    int64_t file_opened; /* when the newest file was begun, in seconds since 1970; 0: never */
    char key_id[DIGEST_SHA256_HEX_BYTES]; /* whose signatures continue the chain; "": none yet */
    struct audit_signed_state checkpoint;
    struct audit_gap gap;
};

/* The text of the file, exactly AUDIT_HEAD_BYTES long. */
bool audit_head_print(const struct audit_head *head, struct error *error,
                      char text[static AUDIT_HEAD_BYTES]) _warn_unused_result_;

/* ERROR_INVALID, naming the field, for what audit_head_print cannot have written. */
bool audit_head_parse(const char *text, size_t length, struct error *error,
                      struct audit_head *head) _warn_unused_result_;

/* Takes over what a record of the log changes in the state besides the position: a checkpoint, a key, a gap
 * that was told of. ERROR_INVALID, naming the field, for a record that no writer made; the head is then of no
 * more use. */
bool audit_head_follow(const cJSON *record, struct error *error,
                       struct audit_head *head) _warn_unused_result_;

/* True for a string of exactly `digits` lower-case hexadecimal digits. */
bool audit_is_hex(const char *text, size_t digits);
