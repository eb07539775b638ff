/* Joins our records with the API server's audit log, which somebody else writes: what is in one must be in
 * the other. Records are found by the anchor that the API server wrote down with each decision, sequence
 * number and hash of the record.
 *
 * Not for: the chain inside a log (`audit verify`).
 */
#pragma once

#include "common/buffer.h"
#include "webhook/audit/api_event.h"
#include "webhook/audit/key_index.h"

/* Most records and most bytes of their names and hashes, all directories together. */
#define MATCH_RECORDS 50000000u
#define MATCH_NAMES_BYTES (4096u * 1024u * 1024u - 1)
/* Clocks of the API server and of the webhook differ by less. */
#define MATCH_CLOCK_SKEW_S 5

enum match_kind {
    MATCH_UNSEEN_POD,      /* a labelled pod was admitted, and the webhook was not asked or not heard */
    MATCH_UNRECORDED,      /* the webhook decided, and its answer named no record */
    MATCH_MISSING_RECORD,  /* the API server saw a record that is not in our logs: altered or removed */
    MATCH_DIFFERENT_PATCH, /* the API server applied another patch than the record has */
    MATCH_OTHER_REQUEST,  /* the API server's record is of another request: pod, namespace, user, operation */
    MATCH_REUSED_RECORD,  /* the API server has one record with several requests */
    MATCH_UNKNOWN_RECORD, /* a record that the API server never saw: forged, or answered to nobody */
    MATCH_KINDS,
};

/* A stable word for each: "unseen-pod", ... Never NULL. */
const char *match_kind_name(enum match_kind kind);

/* One finding. Strings are valid during the call that tells of it; "" for what it does not have. */
struct match_finding {
    enum match_kind kind;
    const char *time;
    const char *namespace_name;
    const char *pod;
    const char *user;
    const char *audit_id; /* of the API server's event */
    const char *record;   /* "<sequence>:<hash>" */
    const char *directory;
};

struct match_counts {
    size_t records;        /* decisions in our logs */
    size_t events;         /* pods that the API server was asked to create */
    size_t matched;        /* records with their event */
    size_t unlabelled;     /* events about pods that are no sandboxes */
    size_t without_object; /* events at level Metadata that name no record: labels not known */
    size_t without_patch;  /* records whose event is at level Metadata: their patch is not compared */
    size_t cut_short;      /* files of the API server's log whose last line is not whole: it is left out */
    size_t errors;         /* records of errors, which are not judged */
    size_t unanswered;     /* records whose answer did not reach the API server */
    size_t reinvoked;      /* records of second calls for one pod, which have no anchor */
    size_t outside;        /* records and events from times that the other log does not cover */
    size_t compared;       /* records from times that the API server's log covers */
    size_t unreadable;     /* lines of our logs that are no records */
    size_t findings[MATCH_KINDS];
};

struct match;

/* Who hears what a match comes upon. */
struct match_listener {
    /* A finding; false ends the match with the error. */
    bool (*tell)(void *context, const struct match_finding *finding, struct error *error);
    /* A line of our logs that is no record, and why, naming file and line; `is_torn`: its writing did not
     * end. */
    void (*pass_over)(void *context, const struct error *why, bool is_torn);
    void *context;
};

/* `webhook` is the name of our mutating webhook; it and the listener's context outlive the match. The caller
 * owns `*match`. */
bool match_new(const char *webhook, const struct match_listener *listener, struct error *error,
               struct match **match) _warn_unused_result_;

/* First all directories of records, then all files of the API server; in any order among themselves. Errors
 * name the file; a file that does not begin with an event is ERROR_INVALID. Paths outlive the match. */
bool match_add_records(struct match *match, const char *directory, struct error *error) _warn_unused_result_;
bool match_add_events(struct match *match, const char *file, struct error *error) _warn_unused_result_;

/* Tells of the records that no event named, and counts. */
bool match_finish(struct match *match, struct error *error, struct match_counts *counts) _warn_unused_result_;

/* Whether the logs had anything to be held against each other: the API server's has a pod's creation, and
 * ours, unless they are empty, a record from the time that it covers. */
bool match_has_compared(const struct match_counts *counts);

/* Accepts NULL. */
void match_free(struct match *match);
