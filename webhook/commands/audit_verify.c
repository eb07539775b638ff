#include "common/json.h"
#include "webhook/audit/log_verification.h"
#include "webhook/commands/audit.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/text_table.h"

#include <inttypes.h>
#include <string.h>

#define NAME "audit verify"

/* Most --public-key, and most --anchor. */
#define KEYS 16
#define ANCHORS 64

#define OUTPUT_BYTES (64u * 1024)

static const char usage[] =
    "Usage: openshell-injector audit verify [OPTION...] DIR\n"
    "\n"
    "Checks that an audit log is as it was written: every record's hash and sequence, the names of the "
    "files,\n"
    "signatures, the configurations that decisions refer to, and the end of the log against head.json. "
    "Names\n"
    "the first record that is not, and why.\n"
    "\n"
    "      --public-key FILE       PEM Ed25519 key whose signatures count; repeatable. Without one a log "
    "must\n"
    "                              only agree with itself\n"
    "      --anchor SEQUENCE:HASH  a record that is known from elsewhere, as the API server's audit log has\n"
    "                              it under audit-record; repeatable\n"
    "      --partial               the oldest files were put away: begin with the first one that is here\n"
    "      --strict                recorded gaps count as damage too\n"
    "  -o, --output text|json      text (default) or one JSON object\n"
    "  -h, --help                  this text\n"
    "\n"
    "Exit codes: 0 intact, 1 not, 2 wrong usage or no log, 3 internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector audit verify --public-key audit.pub /var/log/openshell-injector\n"
    "  openshell-injector audit verify -o json DIR | jq .problem\n";

struct verify_line {
    struct log_verification_options options;
    struct audit_key *keys[KEYS]; /* owned */
    struct audit_anchor anchors[ANCHORS];
    bool is_strict, is_json, wants_help;
};

static bool take_key(struct verify_line *line, const char *path, struct error *error)
{
    if (line->options.trusted.count == KEYS)
        return error_set(error, ERROR_INVALID, "--public-key: more than %d", KEYS);
    if (!audit_key_load_public(path, error, &line->keys[line->options.trusted.count]))
        return error_prefix(error, "--public-key");
    line->options.trusted.count++;
    return true;
}

static bool take_anchor(struct verify_line *line, const char *text, struct error *error)
{
    if (line->options.anchor_count == ANCHORS)
        return error_set(error, ERROR_INVALID, "--anchor: more than %d", ANCHORS);
    if (!audit_anchor_parse(text, error, &line->anchors[line->options.anchor_count]))
        return error_prefix(error, "--anchor");
    line->options.anchor_count++;
    return true;
}

static bool take_format(struct verify_line *line, const char *text, struct error *error)
{
    line->is_json = strcmp(text, "json") == 0;
    return line->is_json || strcmp(text, "text") == 0 ||
           error_set(error, ERROR_INVALID, "--output: \"%.60s\" is none of text, json", text);
}

static bool take_value(struct verify_line *line, const char *name, const char *value, struct error *error)
{
    if (strcmp(name, "--public-key") == 0)
        return take_key(line, value, error);
    if (strcmp(name, "--anchor") == 0)
        return take_anchor(line, value, error);
    return take_format(line, value, error);
}

static bool take_switch(struct verify_line *line, const char *name)
{
    bool *target = strcmp(name, "--partial") == 0                           ? &line->options.may_begin_late
                   : strcmp(name, "--strict") == 0                          ? &line->is_strict
                   : strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ? &line->wants_help
                                                                            : NULL;
    if (target)
        *target = true;
    return target != NULL;
}

/* `--name value` and `--name=value`. */
static bool take_option(struct verify_line *line, char **argv, int *at, struct error *error)
{
    static const char *const with_value[] = {"--public-key", "--anchor", "--output", "-o"};
    const char *argument = argv[*at];
    size_t length = strcspn(argument, "=");
    if (take_switch(line, argument))
        return true;
    for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++) {
        if (strlen(with_value[i]) != length || strncmp(with_value[i], argument, length) != 0)
            continue;
        const char *value = argument[length] ? argument + length + 1 : argv[++*at];
        if (!value)
            return error_set(error, ERROR_INVALID, "%s: needs a value", argument);
        return take_value(line, with_value[i], value, error);
    }
    return error_set(error, ERROR_INVALID, "unknown option %.80s", argument);
}

static bool parse(int argc, char **argv, struct error *error, struct verify_line *line)
{
    for (int at = 1; at < argc && !line->wants_help; at++) {
        if (argv[at][0] == '-') {
            if (!take_option(line, argv, &at, error))
                return false;
        } else if (line->options.directory) {
            return error_set(error, ERROR_INVALID, "unexpected argument \"%.100s\"", argv[at]);
        } else {
            line->options.directory = argv[at];
        }
    }
    return line->wants_help || line->options.directory ||
           error_set(error, ERROR_INVALID, "no directory given");
}

static void append_problem_json(struct buffer *text, const char *key, const struct chain_problem *problem)
{
    if (!problem->is_found)
        return;
    buffer_append_format(text, ",\"%s\":{\"sequence\":%" PRIu64 ",\"file\":", key, problem->place.sequence);
    json_append_string(text, problem->place.file);
    buffer_append_format(text, ",\"line\":%zu,\"message\":", problem->place.line);
    json_append_string(text, problem->message);
    buffer_append_character(text, '}');
}

/* `is_trusted`: keys were compared with those that the caller trusts. */
static void append_json(struct buffer *text, const struct log_verification *result, bool is_trusted,
                        bool is_intact)
{
    const struct chain_check *check = &result->check;
    const struct chain_totals *totals = &check->totals;
    buffer_append_format(text, "{\"intact\":%s,\"chain\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64,
                         is_intact ? "true" : "false", check->chain, totals->first, check->last.sequence);
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"records", totals->records},         {"decisions", totals->decisions},
        {"checkpoints", totals->checkpoints}, {"keyRotations", totals->rotations},
        {"recoveries", totals->recoveries},   {"gaps", totals->gaps},
        {"dropped", totals->dropped},         {"missing", totals->missing},
        {"tornBytes", result->torn_bytes},    {"signedUntil", totals->signed_until},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        buffer_append_format(text, ",\"%s\":%" PRIu64, counts[i].key, counts[i].value);
    buffer_append_format(text, ",\"keyId\":\"%s\",\"isKeyTrusted\":%s", check->key_id,
                         is_trusted && *check->key_id ? "true" : "false");
    append_problem_json(text, "problem", &check->problem);
    append_problem_json(text, "loss", &check->loss);
    buffer_append_string(text, "}\n");
}

static void append_problem(struct buffer *text, const struct chain_problem *problem)
{
    if (!problem->is_found)
        return;
    buffer_append_string(text, "  ");
    text_table_append_plain(text, problem->place.file);
    if (problem->place.line)
        buffer_append_format(text, " line %zu", problem->place.line);
    if (problem->place.sequence)
        buffer_append_format(text, "%srecord %" PRIu64, *problem->place.file ? ", " : "",
                             problem->place.sequence);
    buffer_append_string(text, ": ");
    text_table_append_plain(text, problem->message);
    buffer_append_character(text, '\n');
}

static void append_signatures(struct buffer *text, const struct chain_check *check, bool is_trusted)
{
    const struct chain_totals *totals = &check->totals;
    if (!*check->key_id) {
        buffer_append_format(text, "  nothing %sis signed\n", check->problem.is_found ? "up to there " : "");
        return;
    }
    buffer_append_format(
        text, "  signed up to record %" PRIu64 " by key %s%s, %" PRIu64 " records after that\n",
        totals->signed_until, check->key_id, is_trusted ? "" : " (not compared: no --public-key)",
        check->last.sequence - totals->signed_until);
}

static void append_text(struct buffer *text, const struct log_verification *result,
                        const struct verify_line *line, bool is_intact)
{
    const struct chain_check *check = &result->check;
    const struct chain_totals *totals = &check->totals;
    buffer_append_string(text, is_intact ? "intact\n" : "NOT INTACT\n");
    append_problem(text, &check->problem);
    append_problem(text, &check->loss);
    if (*check->chain)
        buffer_append_format(text, "  chain %s, %" PRIu64 " records%s, %" PRIu64 " to %" PRIu64 "\n",
                             check->chain, totals->records, check->problem.is_found ? " were looked at" : "",
                             totals->first, check->last.sequence);
    append_signatures(text, check, line->options.trusted.count > 0);
    if (totals->gaps)
        buffer_append_format(text, "  %" PRIu64 " gaps: %" PRIu64 " decisions left without a record\n",
                             totals->gaps, totals->dropped);
    if (totals->recoveries)
        buffer_append_format(text, "  %" PRIu64 " recoveries after a crash\n", totals->recoveries);
    if (result->torn_bytes)
        buffer_append_format(text, "  the last %" PRIu64 " bytes are a record whose writing did not end\n",
                             result->torn_bytes);
}

static int verify(struct verify_line *line)
{
    struct error error;
    struct log_verification result;
    line->options.trusted.items = (const struct audit_key *const *) line->keys;
    line->options.anchors = line->anchors;
    if (!log_verification_run(&line->options, &error, &result))
        return command_fail(NAME, &error);
    bool is_intact = !result.check.problem.is_found && !result.check.loss.is_found &&
                     !(line->is_strict && result.check.totals.gaps);
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(OUTPUT_BYTES);
    if (line->is_json)
        append_json(&text, &result, line->options.trusted.count > 0, is_intact);
    else
        append_text(&text, &result, line, is_intact);
    return command_finish(NAME, &text, is_intact ? COMMAND_OK : COMMAND_DENIED);
}

static int run(int argc, char **argv)
{
    struct error error;
    struct verify_line line = {.is_json = false};
    int exit_code;
    if (!parse(argc, argv, &error, &line))
        exit_code = command_fail_usage(NAME, &error);
    else
        exit_code = line.wants_help ? command_help(NAME, usage, false) : verify(&line);
    for (size_t i = 0; i < line.options.trusted.count; i++)
        audit_key_free(line.keys[i]);
    return exit_code;
}

const struct command command_audit_verify = {
    .name = NAME, .summary = "Check that the log is as it was written", .run = run};
