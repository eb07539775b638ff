#include "webhook/audit/chain_check.h"

#include "common/json.h"
#include "common/text.h"
#include "webhook/audit/chain_signatures.h"
#include "webhook/audit/log_end.h"
#include "webhook/audit/record_line.h"

#include <inttypes.h>
#include <string.h>

/* The fields that a chain is made of. */
struct link {
    const char *type, *chain, *time, *previous;
    uint64_t sequence;
};

void chain_check_begin(struct chain_check *check, const struct chain_keys *trusted, bool may_begin_late)
{
    *check = (struct chain_check){
        .trusted = trusted, .may_begin_late = may_begin_late, .last = {.hash = AUDIT_NO_HASH}};
}

_printf_(3, 0) static void set_problem(struct chain_problem *problem, const struct chain_place *place,
                                       const char *format, va_list arguments)
{
    problem->is_found = true;
    problem->place = *place;
    vsnprintf(problem->message, sizeof problem->message, format, arguments);
}

_printf_(3, 4) static void blame(struct chain_problem *problem, const struct chain_place *place,
                                 const char *format, ...)
{
    va_list arguments;
    if (problem->is_found)
        return;
    va_start(arguments, format);
    set_problem(problem, place, format, arguments);
    va_end(arguments);
}

void chain_check_blame(struct chain_check *check, const char *format, ...)
{
    va_list arguments;
    if (check->problem.is_found)
        return;
    va_start(arguments, format);
    set_problem(&check->problem, &check->last, format, arguments);
    va_end(arguments);
}

static void keep_name(const char *path, char name[static CHAIN_FILE_BYTES])
{
    const char *slash = strrchr(path, '/');
    snprintf(name, CHAIN_FILE_BYTES, "%s", slash ? slash + 1 : path);
}

void chain_check_blame_next(struct chain_check *check, const struct audit_log_line *line, const char *format,
                            ...)
{
    struct chain_place place = {.sequence = check->last.sequence + 1, .line = line->number};
    va_list arguments;
    if (check->problem.is_found)
        return;
    if (check->suspect.is_found) {
        check->problem = check->suspect;
        return;
    }
    keep_name(line->file, place.file);
    va_start(arguments, format);
    set_problem(&check->problem, &place, format, arguments);
    va_end(arguments);
}

static bool read_link(const cJSON *record, struct error *error, struct link *link)
{
    int64_t version, sequence;
    if (!json_read_integer(record, JSON_ROOT, "version", 1, 1, 0, error, &version) ||
        !json_read_integer(record, JSON_ROOT, "sequence", 1, INT64_MAX, 0, error, &sequence) ||
        !json_require_string(record, JSON_ROOT, "type", error, &link->type) ||
        !json_require_string(record, JSON_ROOT, "chain", error, &link->chain) ||
        !json_require_string(record, JSON_ROOT, "time", error, &link->time) ||
        !json_require_string(record, JSON_ROOT, "previous", error, &link->previous))
        return false;
    if (!version || !sequence)
        return error_set(error, ERROR_INVALID, "version and sequence: must be there");
    if (!audit_is_hex(link->chain, AUDIT_CHAIN_BYTES - 1) ||
        !audit_is_hex(link->previous, DIGEST_SHA256_HEX_BYTES - 1) || strlen(link->time) >= MICROTIME_BYTES)
        return error_set(error, ERROR_INVALID,
                         "chain, time or previous: is not of the form it is written in");
    link->sequence = (uint64_t) sequence;
    return true;
}

/* The records that a recovery says are missing; false when it says so of none. */
static bool read_missing(const cJSON *record, const struct link *link, int64_t *from, int64_t *to)
{
    const cJSON *missing = json_member(record, "missing");
    return missing && strcmp(link->type, "recovery") == 0 &&
           json_get_integer(json_member(missing, "from"), from) &&
           json_get_integer(json_member(missing, "to"), to) && *from > 0 && *from <= *to;
}

/* Records that the writer found missing may be passed over by the record that says so. */
static void pass_over_missing(struct chain_check *check, const cJSON *record, const struct link *link,
                              struct chain_place *place)
{
    int64_t from, to;
    if (!read_missing(record, link, &from, &to) || (uint64_t) from != place->sequence)
        return;
    blame(&check->loss, place, "records %" PRId64 " to %" PRId64 " are lost, as the writer itself found",
          from, to);
    check->totals.missing += (uint64_t) (to - from) + 1;
    place->sequence = (uint64_t) to + 1;
}

/* The first record of what is here. */
static void begin_chain(struct chain_check *check, const cJSON *record, const struct link *link,
                        struct chain_place *place)
{
    int64_t from, to;
    TEXT_COPY(check->chain, link->chain);
    TEXT_COPY(check->totals.first_time, link->time);
    if (check->may_begin_late) {
        bool tells_of_loss = read_missing(record, link, &from, &to) && (uint64_t) to + 1 == link->sequence;
        place->sequence = tells_of_loss ? (uint64_t) from : link->sequence;
        TEXT_COPY(check->last.hash, link->previous);
    }
    check->totals.first = place->sequence;
}

static void check_place(struct chain_check *check, const struct link *link, const struct chain_place *place)
{
    /* What a chain is called is known from its first record, which may be the changed one. */
    if (strcmp(check->chain, link->chain) != 0 && check->suspect.is_found && check->totals.records == 1)
        check->problem = check->suspect;
    else if (strcmp(check->chain, link->chain) != 0)
        blame(&check->problem, place, "it is of another chain, %s", link->chain);
    else if (link->sequence == place->sequence - 1)
        blame(&check->problem, place, "record %" PRIu64 " stands here a second time", link->sequence);
    else if (link->sequence != place->sequence)
        blame(&check->problem, place, "its place is taken by a record with sequence %" PRIu64,
              link->sequence);
}

/* `previous` must be the hash of the record before. Which of the two is wrong shows with the next one. */
static void check_previous(struct chain_check *check, const struct link *link,
                           const struct chain_place *place)
{
    bool fits = strcmp(link->previous, check->last.hash) == 0;
    if (check->suspect.is_found) {
        const struct chain_problem suspect = check->suspect;
        if (fits)
            check->problem = suspect;
        else
            blame(&check->problem, &check->last, "it was changed: the records around it have other hashes");
    } else if (!fits && check->last.sequence == 0) {
        blame(&check->problem, place, "it is not what it was: `previous` of the first record must be zeros");
    } else if (!fits) {
        blame(&check->suspect, &check->last, "it was changed: the next record has another hash of it");
    }
}

static void count(struct chain_totals *totals, const struct link *link, const cJSON *record)
{
    int64_t dropped = 0;
    totals->records++;
    TEXT_COPY(totals->last_time, link->time);
    if (strcmp(link->type, "decision") == 0) {
        totals->decisions++;
    } else if (strcmp(link->type, "gap") == 0) {
        totals->gaps++;
        if (json_get_integer(json_member(record, "dropped"), &dropped) && dropped > 0)
            totals->dropped += (uint64_t) dropped;
    } else if (strcmp(link->type, "recovery") == 0) {
        totals->recoveries++;
    }
}

static void check_record(struct chain_check *check, const cJSON *record, struct chain_place *place)
{
    struct link link;
    struct error why;
    if (!read_link(record, &why, &link)) {
        blame(&check->problem, place, "%s", why.message);
        return;
    }
    if (!*check->chain)
        begin_chain(check, record, &link, place);
    pass_over_missing(check, record, &link, place);
    check_previous(check, &link, place);
    if (check->problem.is_found)
        return;
    check_place(check, &link, place);
    if (!check->problem.is_found && !check->suspect.is_found &&
        !chain_signatures_check(check, record, link.type, place->sequence, &why))
        blame(&check->problem, place, "%s", why.message);
    count(&check->totals, &link, record);
}

/* The patch is not in the record's hash. While another record is a suspect, that one comes first. */
static bool check_patch(struct chain_check *check, const cJSON *record, const struct chain_place *place,
                        struct error *error)
{
    struct error why;
    if (check->problem.is_found || check->suspect.is_found || record_check_patch(record, &why))
        return true;
    if (why.code == ERROR_NO_MEMORY)
        return error_set_no_memory(error);
    blame(&check->problem, place, "it was changed: %s", why.message);
    return true;
}

/* A writer begins each line with the object and ends it with it: another program's line ends, say, concern
 * all records, and their hashes would not tell which of them is the first. */
static bool is_whole_line(const struct audit_log_line *line)
{
    return line->length > 0 && line->text[0] == '{' && line->text[line->length - 1] == '}';
}

static bool parse(const struct audit_log_line *line, struct error *error, cJSON **record)
{
    return audit_log_line_parse(line, error, record) &&
           (is_whole_line(line) ||
            error_set(error, ERROR_INVALID, "\"%s\" line %zu: there is more than an object", line->file,
                      line->number));
}

bool chain_check_line(struct chain_check *check, const struct audit_log_line *line, struct error *error,
                      cJSON **record)
{
    struct chain_place place = {.sequence = check->last.sequence + 1, .line = line->number};
    struct error why;
    *record = NULL;
    if (check->problem.is_found)
        return true;
    keep_name(line->file, place.file);
    if (!record_line_hash(line->text, line->length, error, place.hash))
        return false;
    if (parse(line, &why, record)) {
        check_record(check, *record, &place);
        if (!check_patch(check, *record, &place, error))
            return false;
    } else if (why.code == ERROR_NO_MEMORY) {
        return error_set_no_memory(error);
    } else if (check->suspect.is_found) {
        check->problem = check->suspect;
    } else {
        blame(&check->problem, &place, "it is no record: %s", why.message);
    }
    check->last = place;
    return true;
}

/* The end of the log against what the writer keeps beside it. */
static void check_head(struct chain_check *check, const struct audit_head *head)
{
    struct chain_place missing = {.sequence = check->last.sequence + 1};
    TEXT_COPY(missing.file, check->last.file);
    if (*check->chain && strcmp(check->chain, head->chain) != 0)
        blame(&check->problem, &check->last, "head.json is of another chain, %s", head->chain);
    else if (head->position.sequence > check->last.sequence)
        blame(&check->problem, &missing, "it is missing: the log once went on to record %" PRIu64,
              head->position.sequence);
    else if (head->checkpoint.sequence > check->last.sequence)
        blame(&check->problem, &missing, "it is missing: record %" PRIu64 " was signed once",
              head->checkpoint.sequence);
    else if (head->position.sequence == check->last.sequence && head->position.sequence > 0 &&
             strcmp(head->position.hash, check->last.hash) != 0)
        blame(&check->problem, &check->last, "it was changed: head.json has another hash of it");
}

/* The last two records disagree: the head tells which of them is as it was. */
static void judge_suspect(struct chain_check *check, const struct audit_head *head)
{
    bool is_last_kept = !head || head->position.sequence != check->last.sequence ||
                        strcmp(head->position.hash, check->last.hash) == 0;
    if (is_last_kept)
        check->problem = check->suspect;
    else
        blame(&check->problem, &check->last, "it was changed: neither head.json nor the record before fits");
}

void chain_check_end(struct chain_check *check, const struct audit_head *head)
{
    if (check->problem.is_found)
        return;
    if (check->suspect.is_found)
        judge_suspect(check, head);
    else if (head)
        check_head(check, head);
}
