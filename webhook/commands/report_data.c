#include "webhook/commands/report_data.h"

#include "common/cleanup.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define GRANT_BYTES (1024u * 1024)

const char *report_decision_name(enum report_decision decision)
{
    static const char *const names[] = {"injected", "unchanged", "denied", "skipped", "error"};
    return decision < REPORT_DECISIONS ? names[decision] : "error";
}

static enum report_decision decision_of(const char *word)
{
    int decision = 0;
    while (decision < REPORT_ERROR &&
           strcmp(report_decision_name((enum report_decision) decision), word) != 0)
        decision++;
    return (enum report_decision) decision;
}

static struct report_tally *tally_of(struct report_data *data, size_t index)
{
    struct report_tally *const tallies[] = {&data->namespaces,     &data->reasons,      &data->users,
                                            &data->configurations, &data->capabilities, &data->images};
    return index < sizeof tallies / sizeof *tallies ? tallies[index] : NULL;
}

void report_data_init(struct report_data *data)
{
    *data = (struct report_data){
        .strings = KEY_INDEX_INIT(REPORT_STRINGS_BYTES),
        .causes = KEY_INDEX_INIT(REPORT_STRINGS_BYTES),
        .grants = KEY_INDEX_INIT(REPORT_STRINGS_BYTES),
        .rows = BUFFER_INIT(REPORT_ROWS_BYTES),
    };
    for (size_t i = 0; tally_of(data, i); i++)
        tally_of(data, i)->names = KEY_INDEX_INIT(REPORT_STRINGS_BYTES);
    report_operations_init(&data->operations);
}

void report_data_done(struct report_data *data)
{
    for (size_t i = 0; tally_of(data, i); i++) {
        key_index_done(&tally_of(data, i)->names);
        free(tally_of(data, i)->counts);
    }
    for (size_t i = 0; i < REPORT_NEWEST; i++)
        free(data->newest[i]);
    key_index_done(&data->strings);
    key_index_done(&data->causes);
    key_index_done(&data->grants);
    buffer_done(&data->rows);
    report_operations_done(&data->operations);
    free(data->moments);
    free(data->grant_of_patch);
    *data = (struct report_data){0};
}

bool report_tally_add(struct report_tally *tally, const char *name, enum report_decision decision,
                      struct error *error)
{
    size_t number;
    if (!key_index_add(&tally->names, name, error, &number))
        return false;
    if (number >= tally->reserved) {
        size_t reserved = tally->reserved ? tally->reserved * 2 : 32;
        struct report_counts *counts = realloc(tally->counts, reserved * sizeof *counts);
        if (!counts)
            return error_set_no_memory(error);
        memset(counts + tally->reserved, 0, (reserved - tally->reserved) * sizeof *counts);
        tally->counts = counts;
        tally->reserved = reserved;
    }
    tally->counts[number].of[decision]++;
    return true;
}

/* Adds a line unless the list has it. */
static void add_grant(struct buffer *list, char kind, const char *name)
{
    char line[512];
    int length = snprintf(line, sizeof line, "%c%s\n", kind, name);
    if (length > 0 && length < (int) sizeof line && !strstr(buffer_string(list), line))
        buffer_append_string(list, line);
}

/* Capabilities added and images named anywhere in a patch. Recursion is as deep as JSON may be. */
static void collect_grants(const cJSON *value, struct buffer *list)
{
    const cJSON *added = json_member(json_member(value, "capabilities"), "add");
    for (const cJSON *at = added ? added->child : NULL; at; at = at->next)
        if (cJSON_IsString(at))
            add_grant(list, 'c', at->valuestring);
    const cJSON *image = json_member(value, "image");
    if (cJSON_IsObject(image))
        image = json_member(image, "reference");
    if (cJSON_IsString(image))
        add_grant(list, 'i', image->valuestring);
    for (const cJSON *child = value->child; child; child = child->next)
        collect_grants(child, list);
}

/* A patch that is seen for the first time. */
static bool learn_grants(struct report_data *data, const struct report_patch *patch, struct error *error)
{
    _cleanup_(buffer_done) struct buffer list = BUFFER_INIT(GRANT_BYTES);
    collect_grants(patch->tree, &list);
    if (patch->number >= data->grant_of_patch_reserved) {
        size_t reserved = data->grant_of_patch_reserved ? data->grant_of_patch_reserved * 2 : 256;
        size_t *grants = realloc(data->grant_of_patch, reserved * sizeof *grants);
        if (!grants)
            return error_set_no_memory(error);
        data->grant_of_patch = grants;
        data->grant_of_patch_reserved = reserved;
    }
    return buffer_check(&list, error) &&
           key_index_add(&data->grants, buffer_string(&list), error, &data->grant_of_patch[patch->number]);
}

static bool tally_grants(struct report_data *data, size_t patch_number, enum report_decision decision,
                         struct error *error)
{
    if (patch_number == KEY_INDEX_NONE)
        return true;
    const char *line = key_index_key(&data->grants, data->grant_of_patch[patch_number]);
    while (*line) {
        char name[512];
        size_t length = strcspn(line, "\n");
        snprintf(name, sizeof name, "%.*s", (int) length - 1, line + 1);
        struct report_tally *tally = *line == 'c' ? &data->capabilities : &data->images;
        if (!report_tally_add(tally, name, decision, error))
            return false;
        line += length + 1;
    }
    return true;
}

static bool append_number_of(struct report_data *data, const char *text, struct error *error)
{
    size_t number;
    if (!key_index_add(&data->strings, text, error, &number))
        return false;
    return buffer_append_format(&data->rows, ",%zu", number) || buffer_check(&data->rows, error);
}

static void append_text(struct report_data *data, const char *text)
{
    buffer_append_character(&data->rows, ',');
    json_append_string(&data->rows, text);
}

static bool find_causes(struct report_data *data, const cJSON *causes, struct error *error, long *number)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(GRANT_BYTES);
    size_t found;
    *number = REPORT_NONE;
    if (!causes || !causes->child)
        return true;
    json_append(&text, causes);
    if (!buffer_check(&text, error) || !key_index_add(&data->causes, buffer_string(&text), error, &found))
        return false;
    *number = (long) found;
    return true;
}

static int64_t seconds_of(const char *text)
{
    struct tm moment = {0};
    return strptime(text, "%Y-%m-%dT%H:%M:%S", &moment) ? (int64_t) timegm(&moment) : 0;
}

/* The order of the members is that of script.js. */
static bool append_row(struct report_data *data, const struct audit_visit *visit, long shape, long causes,
                       long object, struct error *error)
{
    const struct audit_decision *decision = &visit->decision;
    int flags = (decision->is_dry_run ? 1 : 0) | (strcmp(decision->endpoint, "validate") == 0 ? 2 : 0) |
                (!*decision->pod && *decision->generate_name ? 4 : 0);
    buffer_append_format(&data->rows, "[%lld,%lld", (long long) visit->record.sequence,
                         (long long) seconds_of(visit->record.time));
    if (!append_number_of(data, decision->decision, error) ||
        !append_number_of(data, decision->reason, error) ||
        !append_number_of(data, decision->namespace_name, error))
        return false;
    append_text(data, audit_decision_pod_name(decision));
    append_text(data, decision->sandbox_id);
    append_text(data, decision->sandbox_name);
    if (!append_number_of(data, decision->user, error))
        return false;
    append_text(data, decision->uid);
    if (!append_number_of(data, decision->configuration, error))
        return false;
    buffer_append_format(&data->rows, ",%ld,%ld,%ld,%d]\n", shape, causes, object, flags);
    return buffer_check(&data->rows, error);
}

static bool keep_newest(struct report_data *data, const struct audit_log_line *line, struct error *error)
{
    char **place = &data->newest[data->decisions % REPORT_NEWEST];
    free(*place);
    *place = strndup(line->text, line->length);
    return *place || error_set_no_memory(error);
}

static bool add_moment(struct report_data *data, int64_t time_s, enum report_decision decision,
                       struct error *error)
{
    if (data->moment_count == data->moments_reserved) {
        size_t reserved = data->moments_reserved ? data->moments_reserved * 2 : 1024;
        struct report_moment *moments = realloc(data->moments, reserved * sizeof *moments);
        if (!moments)
            return error_set_no_memory(error);
        data->moments = moments;
        data->moments_reserved = reserved;
    }
    data->moments[data->moment_count++] = (struct report_moment){.time_s = time_s, .decision = decision};
    return true;
}

static bool is_second_look(const struct audit_decision *decision, enum report_decision kind)
{
    return strcmp(decision->endpoint, "validate") == 0 && kind != REPORT_DENIED && kind != REPORT_ERROR;
}

static bool add_to_tallies(struct report_data *data, const struct audit_visit *visit,
                           enum report_decision kind, size_t patch_number, struct error *error)
{
    const struct audit_decision *decision = &visit->decision;
    if (is_second_look(decision, kind))
        return true;
    data->totals.of[kind]++;
    return add_moment(data, seconds_of(visit->record.time), kind, error) &&
           tally_grants(data, patch_number, kind, error) &&
           report_tally_add(&data->namespaces, decision->namespace_name, kind, error) &&
           report_tally_add(&data->reasons, decision->reason, kind, error) &&
           report_tally_add(&data->users, decision->user, kind, error) &&
           report_tally_add(&data->configurations, decision->configuration, kind, error);
}

static void count_decision(struct report_data *data, const struct audit_decision *decision)
{
    bool is_validation = strcmp(decision->endpoint, "validate") == 0;
    data->decisions++;
    data->dry_runs += decision->is_dry_run;
    data->validations += is_validation;
    data->mutations += !is_validation;
}

/* A patch that nobody can read is not as the writer wrote it, which the state of the chain tells: the
 * decision is shown without. */
static bool add_patch(struct report_data *data, const struct audit_decision *decision, struct error *error,
                      struct report_patch *patch)
{
    if (report_operations_add_patch(&data->operations, decision, error, patch))
        return true;
    *patch = (struct report_patch){.shape = REPORT_NONE, .number = KEY_INDEX_NONE};
    return error->code == ERROR_INVALID || error->code == ERROR_TOO_LARGE;
}

static bool add_decision(struct report_data *data, const struct audit_visit *visit, struct error *error)
{
    const struct audit_decision *decision = &visit->decision;
    enum report_decision kind = decision_of(decision->decision);
    struct report_patch patch = {0};
    long causes, object;
    if (!add_patch(data, decision, error, &patch))
        return false;
    _cleanup_(cJSON_Deletep) cJSON *tree = patch.tree;
    if ((tree && !learn_grants(data, &patch, error)) ||
        !add_to_tallies(data, visit, kind, patch.number, error) ||
        !report_operations_add_object(&data->operations, decision, error, &object) ||
        !find_causes(data, decision->causes, error, &causes) ||
        !append_row(data, visit, patch.shape, causes, object, error) ||
        !keep_newest(data, visit->line, error))
        return false;
    count_decision(data, decision);
    return true;
}

static bool visit(void *context, struct audit_visit *visit, struct error *error)
{
    struct report_data *data = context;
    if (data->first_sequence == 0) {
        data->first_sequence = visit->record.sequence;
        snprintf(data->first_time, sizeof data->first_time, "%s", visit->record.time);
    }
    data->last_sequence = visit->record.sequence;
    snprintf(data->last_time, sizeof data->last_time, "%s", visit->record.time);
    snprintf(data->replica, sizeof data->replica, "%s", visit->record.replica);
    snprintf(data->product, sizeof data->product, "%s", visit->record.product);
    if (visit->is_decision)
        return add_decision(data, visit, error) ||
               error_prefix(error, "record %lld", (long long) visit->record.sequence);
    data->other_records++;
    return true;
}

static void pass_over(void *context, const struct error *why, bool is_torn)
{
    struct report_data *data = context;
    (void) why;
    (void) is_torn;
    data->unreadable++;
}

bool report_data_collect(struct report_data *data, const char *directory, struct error *error)
{
    const struct audit_visitor visitor = {.visit = visit, .pass_over = pass_over, .context = data};
    return reasons_open(&data->operations.reasons, directory, error) &&
           audit_log_scan(directory, &visitor, error);
}
