#include "webhook/audit/match_records.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_canonical.h"
#include "common/text.h"
#include "webhook/audit/log_scan.h"
#include "webhook/audit/record_line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATCH_BYTES (32u * 1024 * 1024)
/* 20 digits, a colon and a hash. */
#define ANCHOR_BYTES (21 + DIGEST_SHA256_HEX_BYTES)

int64_t match_parse_time(const char *text)
{
    struct tm moment = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &moment);
    if (!rest)
        return -1;
    int64_t fraction = 0, unit = 1000000;
    if (*rest == '.')
        for (rest++; isdigit((unsigned char) *rest); rest++)
            fraction += (unit /= 10) * (*rest - '0');
    return strcmp(rest, "Z") == 0 ? (int64_t) timegm(&moment) * 1000000 + fraction : -1;
}

bool match_digest_patch(const cJSON *patch, struct error *error, char digest[static DIGEST_SHA256_HEX_BYTES])
{
    *digest = '\0';
    if (!patch || !patch->child)
        return true;
    _cleanup_(buffer_done) struct buffer canonical = BUFFER_INIT(PATCH_BYTES);
    return json_append_canonical(patch, error, &canonical) &&
           digest_sha256_hex(canonical.data, canonical.length, error, digest);
}

static bool digest_recorded_patch(const char *base64, struct error *error,
                                  char digest[static DIGEST_SHA256_HEX_BYTES])
{
    const struct json_limits limits = {.bytes = PATCH_BYTES, .depth = JSON_DEPTH_MAXIMUM};
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PATCH_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *patch = NULL;
    *digest = '\0';
    return !*base64 || (base64_decode(base64, strlen(base64), error, &text) &&
                        json_parse(text.data, text.length, &limits, error, &patch) &&
                        match_digest_patch(patch, error, digest));
}

static bool make_room(struct match_records *records, struct error *error)
{
    if (records->anchors.count < records->reserved)
        return true;
    if (records->reserved >= MATCH_RECORDS)
        return error_set(error, ERROR_TOO_LARGE, "more than %u records", MATCH_RECORDS);
    size_t reserved = records->reserved ? records->reserved * 2 : 1024;
    struct match_record *items = realloc(records->items, reserved * sizeof *items);
    if (!items)
        return error_set_no_memory(error);
    records->items = items;
    records->reserved = reserved;
    return true;
}

static bool read_record(struct match_records *records, const struct audit_visit *visit, struct error *error,
                        struct match_record *record)
{
    const struct audit_decision *decision = &visit->decision;
    *record = (struct match_record){
        .time_us = match_parse_time(visit->record.time),
        .directory = records->directory_count - 1,
        .is_error = strcmp(decision->decision, "error") == 0,
        .is_creation = strcmp(decision->operation, "CREATE") == 0 && strcmp(decision->resource, "pods") == 0,
        .is_validation = strcmp(decision->endpoint, "validate") == 0,
        .is_name_generated = !*decision->pod,
    };
    struct error broken;
    /* A patch that cannot be read is none that the API server could have applied: it matches nothing. */
    if (!digest_recorded_patch(decision->patch, &broken, record->patch_sha256)) {
        if (broken.code == ERROR_NO_MEMORY)
            return error_set_no_memory(error);
        snprintf(record->patch_sha256, sizeof record->patch_sha256, "unreadable");
    }
    return key_index_add(&records->names, decision->namespace_name, error, &record->namespace_name) &&
           key_index_add(&records->names, audit_decision_pod_name(decision), error, &record->pod) &&
           key_index_add(&records->names, decision->user, error, &record->user);
}

/* The records that a scan adds to, and who is told of what is none. */
struct addition {
    struct match_records *records;
    void (*pass_over)(void *context, const struct error *why, bool is_torn);
    void *context;
};

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    const struct addition *addition = context;
    addition->pass_over(addition->context, why, is_torn);
}

/* A record whose patch was changed is not the one that the API server was told of. */
static bool hash_record(const struct audit_visit *visit, struct error *error,
                        char hash[static DIGEST_SHA256_HEX_BYTES])
{
    struct error why;
    if (record_check_patch(visit->tree, &why))
        return record_line_hash(visit->line->text, visit->line->length, error, hash);
    if (why.code == ERROR_NO_MEMORY)
        return error_set_no_memory(error);
    text_copy(hash, DIGEST_SHA256_HEX_BYTES, "changed");
    return true;
}

static bool visit(void *context, struct audit_visit *visit, struct error *error)
{
    const struct addition *addition = context;
    struct match_records *records = addition->records;
    struct match_directory *directory = &records->directories[records->directory_count - 1];
    char hash[DIGEST_SHA256_HEX_BYTES], anchor[ANCHOR_BYTES];
    struct match_record record;
    size_t number, known = records->anchors.count;
    if (directory->first_time_us < 0) {
        directory->first_time_us = match_parse_time(visit->record.time);
        directory->is_whole = visit->record.sequence == 1;
    }
    if (!visit->is_decision)
        return true;
    if (!make_room(records, error) || !read_record(records, visit, error, &record) ||
        !hash_record(visit, error, hash))
        return false;
    snprintf(anchor, sizeof anchor, "%lld:%s", (long long) visit->record.sequence, hash);
    if (!key_index_add(&records->anchors, anchor, error, &number))
        return false;
    if (records->anchors.count > known)
        records->items[number] = record;
    return true;
}

bool match_records_add(struct match_records *records, const char *path,
                       void (*tell)(void *context, const struct error *why, bool is_torn), void *context,
                       struct error *error)
{
    struct match_directory *directories =
        realloc(records->directories, (records->directory_count + 1) * sizeof *directories);
    if (!directories)
        return error_set_no_memory(error);
    records->directories = directories;
    directories[records->directory_count++] = (struct match_directory){.path = path, .first_time_us = -1};
    struct addition addition = {.records = records, .pass_over = tell, .context = context};
    const struct audit_visitor visitor = {.visit = visit, .pass_over = pass_over, .context = &addition};
    return audit_log_scan(path, &visitor, error);
}

/* Of a name that it makes, the API server keeps no more than this of what the user began it with. */
#define GENERATE_NAME_KEPT 58

static bool begins_with_generated(const char *name, const char *generate_name)
{
    size_t length = strlen(generate_name);
    return strncmp(name, generate_name, length < GENERATE_NAME_KEPT ? length : GENERATE_NAME_KEPT) == 0;
}

/* Before the API server has made a name, each side may know its beginning or nothing. */
static bool names_fit(const char *recorded, bool is_recorded_generated, const struct api_event *event)
{
    if (!*recorded || !*event->pod)
        return true;
    if (is_recorded_generated == event->is_name_generated)
        return strcmp(recorded, event->pod) == 0;
    return is_recorded_generated ? begins_with_generated(event->pod, recorded)
                                 : begins_with_generated(recorded, event->pod);
}

bool match_record_fits(const struct match_records *records, const struct match_record *record,
                       const struct api_event *event, bool is_mutation)
{
    const struct key_index *names = &records->names;
    return record->is_creation && !(is_mutation && record->is_validation) &&
           strcmp(key_index_key(names, record->namespace_name), event->namespace_name) == 0 &&
           strcmp(key_index_key(names, record->user), event->user) == 0 &&
           names_fit(key_index_key(names, record->pod), record->is_name_generated, event);
}

void match_records_done(struct match_records *records)
{
    key_index_done(&records->anchors);
    key_index_done(&records->names);
    free(records->items);
    free(records->directories);
    *records = (struct match_records){0};
}
