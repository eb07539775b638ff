#include "webhook/audit/match.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_arena.h"
#include "webhook/audit/match_records.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SKEW_US (MATCH_CLOCK_SKEW_S * (int64_t) 1000000)
/* The API server gives up a request after a minute. */
#define REQUEST_US (60 * (int64_t) 1000000)

/* A request during which the webhook was asked more often than it left anchors. */
struct window {
    int64_t start_us, end_us;
    size_t namespace_name, user; /* numbers in the records' names */
    size_t calls;                /* that are not accounted for yet */
    bool is_reinvocation;
};

struct match {
    const char *webhook;
    struct match_listener listener;
    struct match_records records;
    struct window *windows;
    size_t window_count, window_reserved;
    int64_t first_us, last_us; /* what the API server's log covers; -1: nothing */
    struct match_counts counts;
};

const char *match_kind_name(enum match_kind kind)
{
    switch (kind) {
    case MATCH_UNSEEN_POD:
        return "unseen-pod";
    case MATCH_UNRECORDED:
        return "unrecorded";
    case MATCH_MISSING_RECORD:
        return "missing-record";
    case MATCH_DIFFERENT_PATCH:
        return "different-patch";
    case MATCH_OTHER_REQUEST:
        return "other-request";
    case MATCH_REUSED_RECORD:
        return "reused-record";
    case MATCH_UNKNOWN_RECORD:
        return "unknown-record";
    case MATCH_KINDS:
        break;
    }
    return "unknown";
}

bool match_new(const char *webhook, const struct match_listener *listener, struct error *error,
               struct match **match)
{
    struct match *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    *made = (struct match){
        .webhook = webhook,
        .listener = *listener,
        .records = MATCH_RECORDS_INIT,
        .first_us = -1,
        .last_us = -1,
    };
    *match = made;
    return true;
}

void match_free(struct match *match)
{
    if (!match)
        return;
    match_records_done(&match->records);
    free(match->windows);
    free(match);
}

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    struct match *match = context;
    match->counts.unreadable++;
    match->listener.pass_over(match->listener.context, why, is_torn);
}

bool match_add_records(struct match *match, const char *directory, struct error *error)
{
    return match_records_add(&match->records, directory, pass_over, match, error);
}

static bool tell(struct match *match, const struct match_finding *finding, struct error *error)
{
    match->counts.findings[finding->kind]++;
    return match->listener.tell(match->listener.context, finding, error);
}

static bool tell_event(struct match *match, enum match_kind kind, const struct api_event *event,
                       const char *record, struct error *error)
{
    const struct match_finding finding = {
        .kind = kind,
        .time = event->received,
        .namespace_name = event->namespace_name,
        .pod = event->pod,
        .user = event->user,
        .audit_id = event->audit_id,
        .record = record,
        .directory = "",
    };
    return tell(match, &finding, error);
}

/* Older records may have been put away; what is older than those here is not missed. */
static bool is_before_records(const struct match *match, int64_t time_us)
{
    for (unsigned i = 0; i < match->records.directory_count; i++) {
        const struct match_directory *directory = &match->records.directories[i];
        if (!directory->is_whole && time_us < directory->first_time_us + SKEW_US)
            return true;
    }
    return false;
}

static bool compare_patch(struct match *match, const struct api_event *event, const char *anchor,
                          const struct match_record *record, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *holder = NULL;
    const cJSON *patch;
    char digest[DIGEST_SHA256_HEX_BYTES];
    if (!api_event_find_patch(event, match->webhook, error, &holder, &patch) ||
        !match_digest_patch(patch, error, digest))
        return false;
    if (strcmp(digest, record->patch_sha256) == 0)
        return true;
    /* At level Metadata the API server does not write patches down. */
    if (!patch && !event->has_object) {
        match->counts.without_patch++;
        return true;
    }
    return tell_event(match, MATCH_DIFFERENT_PATCH, event, anchor, error);
}

static bool is_of_webhook(const char *key, const char *webhook)
{
    size_t length = strlen(webhook);
    return strncmp(key, webhook, length) == 0 && key[length] == '/';
}

/* One record is of one call for one request. The same event may well be read twice, from files that overlap.
 * Requests are told apart by more than the audit id, which the client may choose. */
static bool claim_record(struct match *match, const struct api_event *event, const struct api_anchor *anchor,
                         struct match_record *record, struct error *error, bool *is_first)
{
    struct key_index *names = &match->records.names;
    _cleanup_(buffer_done) struct buffer key = BUFFER_INIT(API_EVENT_BYTES);
    const char *const parts[] = {event->audit_id, event->received, event->completed, event->pod,
                                 anchor->webhook_prefix};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buffer_append_string(&key, parts[i]);
        buffer_append_character(&key, '\n');
    }
    size_t number;
    if (!buffer_check(&key, error) || !key_index_add(names, buffer_string(&key), error, &number))
        return false;
    *is_first = !record->is_seen || record->event == number;
    match->counts.matched += !record->is_seen;
    record->is_seen = true;
    if (*is_first)
        record->event = number;
    return true;
}

static bool follow_anchor(struct match *match, const struct api_event *event, const struct api_anchor *anchor,
                          struct error *error)
{
    size_t number = key_index_find(&match->records.anchors, anchor->record);
    if (number == KEY_INDEX_NONE) {
        if (!is_before_records(match, match_parse_time(event->received)))
            return tell_event(match, MATCH_MISSING_RECORD, event, anchor->record, error);
        match->counts.outside++;
        return true;
    }
    struct match_record *record = &match->records.items[number];
    bool is_mutation = is_of_webhook(anchor->webhook_prefix, match->webhook), is_first;
    /* A record of another request stays free for the event that it belongs to. */
    if (!match_record_fits(&match->records, record, event, is_mutation))
        return tell_event(match, MATCH_OTHER_REQUEST, event, anchor->record, error);
    if (!claim_record(match, event, anchor, record, error, &is_first))
        return false;
    if (!is_first)
        return tell_event(match, MATCH_REUSED_RECORD, event, anchor->record, error);
    return !is_mutation || event->code >= 400 || compare_patch(match, event, anchor->record, record, error);
}

static bool add_window(struct match *match, const struct api_event *event, size_t calls, bool is_reinvocation,
                       struct error *error)
{
    struct key_index *names = &match->records.names;
    if (match->window_count == match->window_reserved) {
        size_t reserved = match->window_reserved ? match->window_reserved * 2 : 64;
        struct window *windows = realloc(match->windows, reserved * sizeof *windows);
        if (!windows)
            return error_set_no_memory(error);
        match->windows = windows;
        match->window_reserved = reserved;
    }
    struct window window = {
        .start_us = match_parse_time(event->received) - SKEW_US,
        .end_us = match_parse_time(event->completed) + SKEW_US,
        .calls = calls,
        .is_reinvocation = is_reinvocation,
    };
    if (!key_index_add(names, event->namespace_name, error, &window.namespace_name) ||
        !key_index_add(names, event->user, error, &window.user))
        return false;
    match->windows[match->window_count++] = window;
    return true;
}

/* Calls that left no anchor: a second one for the same pod, or one whose answer got lost. */
static bool note_calls(struct match *match, const struct api_event *event, struct error *error)
{
    size_t answered = event->has_decided ? 1 : 0;
    if (event->calls > answered &&
        !add_window(match, event, event->calls - answered, event->has_decided, error))
        return false;
    /* The validating webhook leaves nothing when its answer is lost. */
    return event->code < 500 || add_window(match, event, 1, false, error);
}

static bool judge_event(struct match *match, const struct api_event *event, struct error *error)
{
    bool is_admitted = event->code >= 200 && event->code < 300;
    for (size_t i = 0; i < event->anchor_count; i++)
        if (!follow_anchor(match, event, &event->anchors[i], error))
            return false;
    if (event->anchor_count == 0 && is_admitted) {
        if (event->has_decided)
            return tell_event(match, MATCH_UNRECORDED, event, "", error);
        if (event->is_sandbox)
            return tell_event(match, MATCH_UNSEEN_POD, event, "", error);
        match->counts.without_object += !event->has_object;
        match->counts.unlabelled += event->has_object;
    }
    return note_calls(match, event, error);
}

static void widen_coverage(struct match *match, const struct api_event *event)
{
    int64_t start_us = match_parse_time(event->received), end_us = match_parse_time(event->completed);
    if (start_us >= 0 && (match->first_us < 0 || start_us < match->first_us))
        match->first_us = start_us;
    if (end_us > match->last_us)
        match->last_us = end_us;
}

static bool read_event(struct match *match, const struct line *line, struct error *error)
{
    const struct json_limits limits = {.bytes = API_EVENT_BYTES, .depth = API_EVENT_DEPTH};
    struct api_event event;
    bool is_creation = false;
    _cleanup_(cJSON_Deletep) cJSON *tree = NULL;
    if (!json_parse(line->text, line->length, &limits, error, &tree) ||
        !api_event_read(tree, match->webhook, error, &event, &is_creation))
        return false;
    if (!is_creation)
        return true;
    match->counts.events++;
    widen_coverage(match, &event);
    return judge_event(match, &event, error);
}

bool match_add_events(struct match *match, const char *file, struct error *error)
{
    _cleanup_(line_reader_close) struct line_reader reader = {0};
    if (!line_reader_open(file, API_EVENT_BYTES, error, &reader))
        return false;
    for (;;) {
        struct line line;
        bool has_line;
        if (!line_reader_next(&reader, error, &line, &has_line))
            return false;
        if (!has_line)
            return true;
        /* The first line is read whatever it is, so that a file of something else does not pass for a quiet
         * log. */
        if (line.number > 1 && !api_event_is_of_interest(&line))
            continue;
        struct json_arena arena;
        json_arena_enter(&arena);
        bool is_read = read_event(match, &line, error);
        json_arena_leave(&arena);
        /* The API server is still writing it, or whoever copied the file came in between. */
        if (!is_read && line.number > 1 && line.is_cut_short && error->code == ERROR_INVALID) {
            match->counts.cut_short++;
            return true;
        }
        if (!is_read)
            return error_prefix(error, "\"%s\" line %zu", file, line.number);
    }
}

static int compare_windows(const void *left, const void *right)
{
    int64_t first = ((const struct window *) left)->start_us,
            second = ((const struct window *) right)->start_us;
    return (first > second) - (first < second);
}

/* The first window that begins at or after this time. */
static size_t find_window(const struct match *match, int64_t start_us)
{
    size_t low = 0, high = match->window_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (match->windows[middle].start_us < start_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A request of the same user in the same namespace at the time of the record that wants for an explanation.
 */
static bool take_call(struct match *match, const struct match_record *record)
{
    size_t at = find_window(match, record->time_us - REQUEST_US - 2 * SKEW_US);
    for (; at < match->window_count && match->windows[at].start_us <= record->time_us; at++) {
        struct window *window = &match->windows[at];
        if (window->calls == 0 || window->end_us < record->time_us ||
            window->namespace_name != record->namespace_name || window->user != record->user)
            continue;
        window->calls--;
        match->counts.reinvoked += window->is_reinvocation;
        match->counts.unanswered += !window->is_reinvocation;
        return true;
    }
    return false;
}

static bool is_covered(const struct match *match, const struct match_record *record)
{
    return record->time_us >= 0 && match->first_us >= 0 && record->time_us >= match->first_us - SKEW_US &&
           record->time_us <= match->last_us + SKEW_US;
}

static bool judge_record(struct match *match, size_t number, struct error *error)
{
    const struct match_record *record = &match->records.items[number];
    if (!record->is_seen && record->time_us >= 0 && !is_covered(match, record)) {
        match->counts.outside++;
        return true;
    }
    match->counts.compared++;
    if (record->is_seen)
        return true;
    if (record->is_error || take_call(match, record)) {
        match->counts.errors += record->is_error;
        return true;
    }
    char text[32] = "";
    time_t seconds = (time_t) (record->time_us / 1000000);
    struct tm moment;
    if (record->time_us >= 0 && gmtime_r(&seconds, &moment))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &moment);
    const struct match_finding finding = {
        .kind = MATCH_UNKNOWN_RECORD,
        .time = text,
        .namespace_name = key_index_key(&match->records.names, record->namespace_name),
        .pod = key_index_key(&match->records.names, record->pod),
        .user = key_index_key(&match->records.names, record->user),
        .audit_id = "",
        .record = key_index_key(&match->records.anchors, number),
        .directory = match->records.directories[record->directory].path,
    };
    return tell(match, &finding, error);
}

bool match_has_compared(const struct match_counts *counts)
{
    return counts->events > 0 && (counts->records == 0 || counts->compared > 0);
}

bool match_finish(struct match *match, struct error *error, struct match_counts *counts)
{
    match->counts.records = match->records.anchors.count;
    if (match->window_count)
        qsort(match->windows, match->window_count, sizeof *match->windows, compare_windows);
    for (size_t i = 0; i < match->counts.records; i++)
        if (!judge_record(match, i, error))
            return false;
    *counts = match->counts;
    return true;
}
