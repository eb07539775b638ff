/* The records that a match looks for, found by their anchors. Private to webhook/audit/match*.c. */
#pragma once

#include "common/digest.h"
#include "webhook/audit/match.h"

struct match_record {
    int64_t time_us;                            /* since 1970; -1: the record has none that can be read */
    size_t namespace_name, pod, user;           /* numbers in `names` */
    unsigned directory;                         /* its number */
    size_t event;                               /* number in `names` of the event that names it */
    bool is_seen;                               /* an event names it */
    bool is_creation;                           /* of a pod, not of one of its subresources */
    bool is_validation;                         /* by the validating webhook */
    bool is_name_generated;                     /* `pod` is the beginning of the name alone */
    bool is_error;                              /* answered with an error, which has no anchor */
    char patch_sha256[DIGEST_SHA256_HEX_BYTES]; /* of the canonical patch; "" without one */
};

struct match_directory {
    const char *path;
    int64_t first_time_us; /* of the first record; -1: none */
    bool is_whole;         /* its first record is number 1 */
};

struct match_records {
    struct key_index anchors; /* "<sequence>:<hash>", in the numbering of `items` */
    struct key_index names;
    struct match_record *items;
    size_t reserved;
    struct match_directory *directories;
    unsigned directory_count;
};

#define MATCH_RECORDS_INIT                                                                                   \
    ((struct match_records){.anchors = KEY_INDEX_INIT(MATCH_NAMES_BYTES),                                    \
                            .names = KEY_INDEX_INIT(MATCH_NAMES_BYTES)})

/* Reads all decisions of a directory; `tell` is told of lines that are no records, as audit_log_scan does. */
bool match_records_add(struct match_records *records, const char *directory,
                       void (*tell)(void *context, const struct error *why, bool is_torn), void *context,
                       struct error *error) _warn_unused_result_;

/* Whether the event can be of the request that the record is of: a pod's creation, its namespace, its name as
 * far as both know it, its user, and the webhook that wrote the anchor. */
bool match_record_fits(const struct match_records *records, const struct match_record *record,
                       const struct api_event *event, bool is_mutation);

void match_records_done(struct match_records *records);

/* Microseconds since 1970 of an RFC 3339 time in UTC; -1 when it is none. */
int64_t match_parse_time(const char *text);

/* The digest of a patch, however it was printed: that of its canonical JSON. "" for an empty patch. */
bool match_digest_patch(const cJSON *patch, struct error *error,
                        char digest[static DIGEST_SHA256_HEX_BYTES]) _warn_unused_result_;
