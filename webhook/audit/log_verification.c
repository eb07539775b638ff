#include "webhook/audit/log_verification.h"

#include "common/file.h"
#include "common/json.h"
#include "common/text.h"
#include "webhook/audit/log_file.h"
#include "webhook/audit/recorded_configurations.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Reads of a head that a writer may be writing over just then. */
#define HEAD_ATTEMPTS 3

struct verifying {
    const struct log_verification_options *options;
    struct chain_check *check;
    struct audit_head head;
    bool has_head;
    bool is_head_met;          /* the record that the head tells of is here */
    bool has_other_checkpoint; /* the one that the head keeps is not the one that is here */
    uint64_t last_checkpoint;  /* sequences of the last records of these types; 0: none */
    uint64_t last_gap;
    struct recorded_configurations configurations;
    bool has_configurations;
    uint64_t torn_bytes;
    struct chain_problem beside; /* the first one of what stands beside the records */
};

bool audit_anchor_parse(const char *text, struct error *error, struct audit_anchor *anchor)
{
    char *end;
    unsigned long long sequence = strtoull(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != ':' || sequence > INT64_MAX ||
        !audit_is_hex(end + 1, DIGEST_SHA256_HEX_BYTES - 1))
        return error_set(error, ERROR_INVALID, "\"%.100s\" is not of the form SEQUENCE:HASH", text);
    *anchor = (struct audit_anchor){.position = {.sequence = sequence}};
    TEXT_COPY(anchor->position.hash, end + 1);
    return true;
}

/* A problem that is in no record: it only counts when there is none in the records. */
static void blame_file(struct verifying *verifying, const char *file, const char *message)
{
    struct chain_problem *problem = &verifying->beside;
    if (problem->is_found)
        return;
    problem->is_found = true;
    snprintf(problem->place.file, sizeof problem->place.file, "%s", file);
    snprintf(problem->message, sizeof problem->message, "%s", message);
}

/* The head must be to the byte what a writer prints. */
static bool parse_head(const char *text, size_t length, struct error *error, struct audit_head *head)
{
    char printed[AUDIT_HEAD_BYTES];
    if (!audit_head_parse(text, length, error, head) || !audit_head_print(head, error, printed))
        return false;
    return memcmp(text, printed, sizeof printed) == 0 ||
           error_set(error, ERROR_INVALID, "is not as it was written");
}

static bool try_head(const char *path, struct error *error, struct audit_head *head)
{
    _cleanup_(freep) char *text = NULL;
    size_t length;
    return file_read(path, AUDIT_HEAD_BYTES + 1, error, &text, &length) &&
           parse_head(text, length, error, head);
}

static bool read_head(struct verifying *verifying, struct error *error)
{
    char path[PATH_MAX];
    struct error why = {.code = ERROR_INVALID};
    snprintf(path, sizeof path, "%s/" AUDIT_HEAD_NAME, verifying->options->directory);
    for (int i = 0; i < HEAD_ATTEMPTS && !verifying->has_head && why.code == ERROR_INVALID; i++)
        verifying->has_head = try_head(path, &why, &verifying->head);
    if (verifying->has_head)
        return true;
    if (why.code == ERROR_NO_MEMORY || why.code == ERROR_PERMISSION_DENIED)
        return error_set(error, why.code, "%s", why.message);
    blame_file(verifying, AUDIT_HEAD_NAME,
               why.code == ERROR_NOT_FOUND ? "it is missing, so a cut log would not show" : why.message);
    return true;
}

static bool read_configurations(struct verifying *verifying, struct error *error)
{
    struct error why;
    verifying->has_configurations =
        recorded_configurations_read(verifying->options->directory, &why, &verifying->configurations);
    if (verifying->has_configurations)
        return true;
    if (why.code == ERROR_NO_MEMORY || why.code == ERROR_PERMISSION_DENIED)
        return error_set(error, why.code, "%s", why.message);
    blame_file(verifying, RECORDED_CONFIGURATIONS_FOLDER, why.message);
    return true;
}

/* A file is named after its first record, or after the first one that a recovery there says is lost. */
static void check_file_name(struct verifying *verifying, const struct audit_log_line *line, uint64_t expected)
{
    uint64_t first;
    const char *slash = strrchr(line->file, '/');
    if (!audit_file_name_parse(slash ? slash + 1 : line->file, &first))
        chain_check_blame(verifying->check, "its file is not named as a file of the log is");
    else if (first < expected || first > verifying->check->last.sequence)
        chain_check_blame(verifying->check, "its file is named after record %" PRIu64, first);
}

static void check_configuration(struct verifying *verifying, const cJSON *record)
{
    const cJSON *digest = json_member(record, "configuration");
    const cJSON *type = json_member(record, "type");
    if (!verifying->has_configurations || !cJSON_IsString(type) || strcmp(type->valuestring, "decision") != 0)
        return;
    if (!cJSON_IsString(digest))
        chain_check_blame(verifying->check, "configuration: must be there");
    else if (!recorded_configurations_find(&verifying->configurations, digest->valuestring))
        chain_check_blame(verifying->check, "configuration %.64s is not kept beside the log",
                          digest->valuestring);
}

static void check_anchors(struct verifying *verifying)
{
    const struct chain_place *place = &verifying->check->last;
    for (size_t i = 0; i < verifying->options->anchor_count; i++) {
        struct audit_anchor *anchor = &verifying->options->anchors[i];
        if (anchor->position.sequence != place->sequence)
            continue;
        anchor->is_met = strcmp(anchor->position.hash, place->hash) == 0;
        if (!anchor->is_met)
            chain_check_blame(verifying->check, "it was changed: an anchor has another hash of it");
    }
}

static bool is_kept_checkpoint(const struct audit_signed_state *kept, const cJSON *record)
{
    const struct {
        const char *key, *value;
    } members[] = {
        {"type", "checkpoint"},          {"previous", kept->previous},   {"keyId", kept->key_id},
        {"publicKey", kept->public_key}, {"signature", kept->signature},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const cJSON *member = json_member(record, members[i].key);
        if (!cJSON_IsString(member) || strcmp(member->valuestring, members[i].value) != 0)
            return false;
    }
    return true;
}

/* The head may be of an earlier record than the last: then it is that one which it must fit. */
static void follow_head(struct verifying *verifying, const cJSON *record)
{
    const struct audit_head *head = &verifying->head;
    const struct chain_place *place = &verifying->check->last;
    const cJSON *type = json_member(record, "type");
    if (!verifying->has_head)
        return;
    if (place->sequence == head->position.sequence)
        verifying->is_head_met = strcmp(place->hash, head->position.hash) == 0;
    if (place->sequence == head->checkpoint.sequence && !is_kept_checkpoint(&head->checkpoint, record))
        verifying->has_other_checkpoint = true;
    if (cJSON_IsString(type) && strcmp(type->valuestring, "gap") == 0)
        verifying->last_gap = place->sequence;
    if (cJSON_IsString(type) && strcmp(type->valuestring, "checkpoint") == 0)
        verifying->last_checkpoint = place->sequence;
}

static bool check_line(struct verifying *verifying, const struct audit_log_line *line, struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *record = NULL;
    struct chain_check *check = verifying->check;
    uint64_t expected = check->last.sequence + 1;
    if (!chain_check_line(check, line, error, &record))
        return false;
    if (check->problem.is_found || !record)
        return true;
    /* A log that begins late begins with a whole file. */
    if (line->number == 1)
        check_file_name(verifying, line, check->totals.records == 1 ? check->totals.first : expected);
    if (!check->suspect.is_found)
        check_configuration(verifying, record);
    check_anchors(verifying);
    follow_head(verifying, record);
    return true;
}

/* A file without a whole record can only be the newest, named after the record that was to come next; after
 * a loss of power that is not behind the one that follows the head. */
static bool is_new_file(const struct verifying *verifying, const char *name, bool is_newest)
{
    uint64_t first, last = verifying->check->last.sequence;
    uint64_t known = verifying->has_head ? verifying->head.position.sequence : 0;
    return is_newest && audit_file_name_parse(name, &first) && first > last &&
           first <= (known > last ? known : last) + 1;
}

/* A torn record is one that a crash cut short: nothing can follow it. */
static bool check_torn(struct verifying *verifying, const struct audit_log_line *torn,
                       struct audit_log_reader *reader, struct audit_log_line *line, struct error *error)
{
    static const char others_follow[] = "it is cut short, and others follow it";
    bool has_line;
    verifying->torn_bytes = torn->length;
    if (!audit_log_reader_next(reader, error, line, &has_line)) {
        /* What follows is there, though it is no line. */
        if (error->code == ERROR_TOO_LARGE || error->code == ERROR_INVALID)
            chain_check_blame_next(verifying->check, torn, others_follow);
        return false;
    }
    if (has_line)
        chain_check_blame_next(verifying->check, torn, others_follow);
    else if (torn->number == 1 && !is_new_file(verifying, strrchr(torn->file, '/') + 1, true))
        chain_check_blame_next(verifying->check, torn, "its file is not named as the next one of the log is");
    return true;
}

/* `*line` is the one read last, or the one that could not be read. */
static bool check_lines(struct verifying *verifying, struct audit_log_reader *reader,
                        struct audit_log_line *line, struct error *error)
{
    while (!verifying->check->problem.is_found) {
        bool has_line;
        if (!audit_log_reader_next(reader, error, line, &has_line))
            return false;
        if (!has_line)
            return true;
        if (line->is_torn) {
            const struct audit_log_line torn = *line;
            return check_torn(verifying, &torn, reader, line, error);
        }
        if (!check_line(verifying, line, error))
            return false;
    }
    return true;
}

/* A line that is too long to be a record, or something that is no file at all, is a problem of the log and
 * not of the reading. */
static bool check_all_lines(struct verifying *verifying, struct audit_log_reader *reader, struct error *error)
{
    struct error why;
    struct audit_log_line line;
    if (check_lines(verifying, reader, &line, &why))
        return true;
    if (why.code != ERROR_TOO_LARGE && why.code != ERROR_INVALID)
        return error_set(error, why.code, "%s", why.message);
    chain_check_blame_next(verifying->check, &line, "it is no record: %s", why.message);
    return true;
}

/* Records that hold together, beside a head that does not belong to them. */
static void check_rest_of_head(struct verifying *verifying)
{
    const struct chain_check *check = verifying->check;
    const struct audit_head *head = &verifying->head;
    uint64_t sequence = head->position.sequence;
    bool is_here = sequence >= check->totals.first && sequence <= check->last.sequence;
    if (sequence == 0 ? strcmp(head->position.hash, AUDIT_NO_HASH) != 0
                      : is_here && !verifying->is_head_met && !check->loss.is_found)
        blame_file(verifying, AUDIT_HEAD_NAME, "it has another hash than the log of the record it tells of");
    bool is_newest = sequence == check->last.sequence;
    if (verifying->has_other_checkpoint ||
        (is_newest && !check->loss.is_found && head->checkpoint.sequence < verifying->last_checkpoint))
        blame_file(verifying, AUDIT_HEAD_NAME, "its checkpoint is not the one that the log has");
    if (is_newest && *check->key_id && strcmp(head->key_id, check->key_id) != 0)
        blame_file(verifying, AUDIT_HEAD_NAME, "its key is not the one that signs the log");
}

/* Decisions that were lost when no record could be written, and none has told of since. */
static void count_pending_gap(struct verifying *verifying)
{
    const struct audit_head *head = &verifying->head;
    struct chain_totals *totals = &verifying->check->totals;
    if (head->gap.dropped == 0 || verifying->last_gap > head->position.sequence)
        return;
    totals->gaps++;
    totals->dropped += head->gap.dropped;
}

/* `files` were listed before the records were read: one that is still empty has nothing behind it. */
static void check_empty_files(struct verifying *verifying, const struct audit_log_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct stat status;
        const char *name = strrchr(files->paths[i], '/') + 1;
        if (stat(files->paths[i], &status) == 0 && status.st_size == 0 &&
            !is_new_file(verifying, name, i + 1 == files->count))
            blame_file(verifying, name, "it is empty, and its name is not that of the next file of the log");
    }
}

/* Of a record that is not here nothing can be said. */
static void blame_unmet_anchor(struct verifying *verifying)
{
    const struct chain_check *check = verifying->check;
    for (size_t i = 0; i < verifying->options->anchor_count; i++) {
        const struct audit_anchor *anchor = &verifying->options->anchors[i];
        if (anchor->is_met)
            continue;
        chain_check_blame(verifying->check, "the log %s record %" PRIu64 ", of which an anchor tells",
                          anchor->position.sequence < check->totals.first ? "begins after" : "ends before",
                          anchor->position.sequence);
    }
}

/* What only shows when all was read. */
static void check_whole(struct verifying *verifying)
{
    struct chain_check *check = verifying->check;
    chain_check_end(check, verifying->has_head ? &verifying->head : NULL);
    if (verifying->has_head) {
        check_rest_of_head(verifying);
        count_pending_gap(verifying);
    }
    if (verifying->options->trusted.count && !check->totals.checkpoints)
        chain_check_blame(check, "nothing up to here is signed by a trusted key");
    blame_unmet_anchor(verifying);
}

static bool verify_files(struct verifying *verifying, const struct audit_log_files *files,
                         struct error *error)
{
    _cleanup_(audit_log_reader_freep) struct audit_log_reader *reader = NULL;
    /* The head before the records: a writer that goes on is then never behind it. */
    if (!read_head(verifying, error))
        return false;
    if (files->count == 0 && !verifying->has_head)
        return error_set(error, ERROR_NOT_FOUND, "\"%s\": no audit log is here",
                         verifying->options->directory);
    if (!read_configurations(verifying, error) ||
        !audit_log_reader_open(verifying->options->directory, error, &reader) ||
        !check_all_lines(verifying, reader, error))
        return false;
    check_whole(verifying);
    check_empty_files(verifying, files);
    if (!verifying->check->problem.is_found)
        verifying->check->problem = verifying->beside;
    return true;
}

static bool verify(struct verifying *verifying, struct error *error)
{
    struct audit_log_files files;
    if (!audit_log_files_list(verifying->options->directory, error, &files))
        return false;
    bool is_read = verify_files(verifying, &files, error);
    audit_log_files_done(&files);
    return is_read;
}

bool log_verification_run(const struct log_verification_options *options, struct error *error,
                          struct log_verification *result)
{
    struct verifying verifying = {.options = options, .check = &result->check};
    chain_check_begin(&result->check, &options->trusted, options->may_begin_late);
    bool is_done = verify(&verifying, error);
    result->torn_bytes = verifying.torn_bytes;
    recorded_configurations_done(&verifying.configurations);
    return is_done;
}
