#include "tests/support/allocation.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARGUMENT_LIMIT 32
#define NAME_LIMIT 127 /* characters of the longest option name that is looked at */
#define RUN_LIMIT 200

static const char *const formats[] = {"yaml", "json", NULL};
static const struct command_syntax full = {
    .options = TAKES_FORMAT | TAKES_CONFIGURATION | TAKES_CREATOR | TAKES_ENDPOINT,
    .formats = formats,
    .operand_limit = 2,
};
static const struct command_syntax bare = {0};

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Parses the words, ended by NULL. */
static bool parse(const struct command_syntax *syntax, const char *const *words, struct error *error,
                  struct command_line *line)
{
    char *arguments[ARGUMENT_LIMIT] = {(char *) (uintptr_t) "render"};
    int count = 1;
    for (; words[count - 1]; count++)
        arguments[count] = (char *) (uintptr_t) words[count - 1];
    return command_line_parse(syntax, count, arguments, error, line);
}

static struct command_line parse_ok(const char *const *words)
{
    struct error error;
    struct command_line line;
    if (!parse(&full, words, &error, &line))
        fail_msg("%s", error.message);
    return line;
}

static void assert_refused(const struct command_syntax *syntax, const char *const *words, const char *message)
{
    struct error error = {0};
    struct command_line line;
    assert_false(parse(syntax, words, &error, &line));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, message);
}

static void without_arguments_everything_has_its_default(void **state)
{
    (void) state;
    struct command_line line = parse_ok((const char *const[]){NULL});
    assert_false(line.wants_help);
    assert_string_equal(line.format, "yaml");
    assert_null(line.configuration_file);
    assert_null(line.namespace_annotations);
    assert_null(line.user_name);
    assert_int_equal(line.endpoint, ADMISSION_MUTATE);
    assert_int_equal(line.operand_count + line.flag_count, 0);
    command_line_done(&line);
}

static void takes_a_value_in_every_form(void **state)
{
    (void) state;
    const char *const *forms[] = {WORDS("-o", "json"), WORDS("-ojson"), WORDS("-o=json"),
                                  WORDS("--output", "json"), WORDS("--output=json")};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct command_line line = parse_ok(forms[i]);
        assert_string_equal(line.format, "json");
        command_line_done(&line);
    }
}

static void takes_operands_between_and_behind_options(void **state)
{
    (void) state;
    struct command_line line = parse_ok(WORDS("-", "-o", "json", "--", "--config"));
    assert_int_equal(line.operand_count, 2);
    assert_string_equal(line.operands[0], "-");
    assert_string_equal(line.operands[1], "--config");
    command_line_done(&line);
}

static void hands_on_flags_of_the_configuration(void **state)
{
    (void) state;
    struct command_line line = parse_ok(WORDS("--topology", "sidecar", "--supervisor-image=a=b"));
    assert_int_equal(line.flag_count, 2);
    assert_string_equal(line.flags[0].name, "topology");
    assert_string_equal(line.flags[0].value, "sidecar");
    assert_string_equal(line.flags[1].name, "supervisor-image");
    assert_string_equal(line.flags[1].value, "a=b");
    command_line_done(&line);
}

static void a_switch_needs_no_value_and_takes_only_a_plain_one(void **state)
{
    (void) state;
    struct command_line line =
        parse_ok(WORDS("--enable-user-namespaces", "--enable-user-namespaces=false",
                       "--enable-user-namespaces", "false", "--enable-user-namespaces", "pod.yaml"));
    assert_int_equal(line.flag_count, 4);
    assert_string_equal(line.flags[0].value, "true");
    assert_string_equal(line.flags[1].value, "false");
    assert_string_equal(line.flags[2].value, "false");
    assert_string_equal(line.flags[3].value, "true");
    assert_int_equal(line.operand_count, 1);
    assert_string_equal(line.operands[0], "pod.yaml");
    command_line_done(&line);
}

static void collects_annotations_and_groups(void **state)
{
    (void) state;
    struct command_line line =
        parse_ok(WORDS("--namespace-annotation", "a.b/c=1", "--namespace-annotation=d=x=y",
                       "--namespace-annotation=a.b/c=2", "--as=jo", "--as-group=one", "--as-group", "two"));
    assert_int_equal(cJSON_GetArraySize(line.namespace_annotations), 2);
    assert_string_equal(cJSON_GetObjectItem(line.namespace_annotations, "a.b/c")->valuestring, "2");
    assert_string_equal(cJSON_GetObjectItem(line.namespace_annotations, "d")->valuestring, "x=y");
    assert_string_equal(line.user_name, "jo");
    assert_int_equal(cJSON_GetArraySize(line.user_groups), 2);
    assert_string_equal(cJSON_GetArrayItem(line.user_groups, 1)->valuestring, "two");
    command_line_done(&line);
}

static void takes_where_the_cluster_is(void **state)
{
    (void) state;
    static const struct command_syntax cluster = {.options = TAKES_CLUSTER};
    struct command_line line = {0};
    struct error error;
    assert_true(parse(&cluster, WORDS("--kubeconfig=file", "--context", "name", "--namespace=openshell"),
                      &error, &line));
    assert_string_equal(line.kubeconfig, "file");
    assert_string_equal(line.context, "name");
    assert_string_equal(line.namespace_name, "openshell");
    command_line_done(&line);
    assert_refused(&cluster, WORDS("--namespace="), "--namespace: must not be empty");
    assert_refused(&full, WORDS("--context=name"), "unknown option --context");
}

static void takes_what_the_registrations_are_called(void **state)
{
    (void) state;
    static const struct command_syntax registration = {.options = TAKES_REGISTRATION};
    struct command_line line = {0};
    struct error error;
    assert_true(parse(&registration, WORDS("--mutating-configuration=m", "--validating-configuration", "v"),
                      &error, &line));
    assert_string_equal(line.mutating_configuration, "m");
    assert_string_equal(line.validating_configuration, "v");
    command_line_done(&line);
    assert_refused(&registration, WORDS("--mutating-configuration="),
                   "--mutating-configuration: must not be empty");
    assert_refused(&registration, WORDS("--validating-configuration="),
                   "--validating-configuration: must not be empty");
    assert_refused(&full, WORDS("--mutating-configuration=m"), "unknown option --mutating-configuration");
}

static void takes_the_endpoint_by_name(void **state)
{
    (void) state;
    struct command_line line = parse_ok(WORDS("--endpoint=validate"));
    assert_int_equal(line.endpoint, ADMISSION_VALIDATE);
    command_line_done(&line);
    line = parse_ok(WORDS("--endpoint=validate", "--endpoint", "mutate"));
    assert_int_equal(line.endpoint, ADMISSION_MUTATE);
    command_line_done(&line);
}

static void help_ends_the_reading(void **state)
{
    (void) state;
    struct command_line line = parse_ok(WORDS("--help", "--nonsense"));
    assert_true(line.wants_help);
    command_line_done(&line);
    line = parse_ok(WORDS("-h"));
    assert_true(line.wants_help);
    command_line_done(&line);
}

static void names_what_it_refuses(void **state)
{
    (void) state;
    assert_refused(&full, WORDS("--nonsense=1"), "unknown option --nonsense");
    assert_refused(&full, WORDS("-x"), "unknown option -x");
    assert_refused(&full, WORDS("-output"), "--output: \"utput\" is none of yaml, json");
    assert_refused(&full, WORDS("--o=json"), "unknown option --o");
    assert_refused(&full, WORDS("--=json"), "unknown option --=json");
    assert_refused(&full, WORDS("--output"), "--output: needs a value");
    assert_refused(&full, WORDS("-o"), "-o: needs a value");
    assert_refused(&full, WORDS("--topology"), "--topology: needs a value");
    assert_refused(&full, WORDS("--help=yes"), "--help: takes no value");
    assert_refused(&full, WORDS("--output=xml"), "--output: \"xml\" is none of yaml, json");
    assert_refused(&full, WORDS("--endpoint=audit"), "--endpoint: \"audit\" is none of mutate, validate");
    assert_refused(&full, WORDS("--namespace-annotation=novalue"),
                   "--namespace-annotation: \"novalue\" must be KEY=VALUE");
    assert_refused(&full, WORDS("--namespace-annotation==x"),
                   "--namespace-annotation: \"=x\" must be KEY=VALUE");
}

static void a_command_takes_its_own_options_alone(void **state)
{
    (void) state;
    assert_refused(&bare, WORDS("--output=json"), "unknown option --output");
    assert_refused(&bare, WORDS("-ojson"), "unknown option -o");
    assert_refused(&bare, WORDS("--config=x"), "unknown option --config");
    assert_refused(&bare, WORDS("--topology=sidecar"), "unknown option --topology");
    assert_refused(&bare, WORDS("--as=jo"), "unknown option --as");
    assert_refused(&bare, WORDS("--endpoint=mutate"), "unknown option --endpoint");
    assert_refused(&bare, WORDS("file"), "unexpected argument \"file\"");
}

static void takes_as_many_operands_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    struct command_line line = parse_ok(WORDS("a", "b"));
    assert_int_equal(line.operand_count, 2);
    command_line_done(&line);
    assert_refused(&full, WORDS("a", "b", "c"), "unexpected argument \"c\"");
}

static void looks_at_names_up_to_a_limit(void **state)
{
    (void) state;
    char name[2 + NAME_LIMIT + 2] = "--";
    memset(name + 2, 'a', NAME_LIMIT);
    struct error error = {0};
    struct command_line line;
    assert_false(parse(&full, WORDS(name), &error, &line));
    assert_int_equal(strlen(error.message), strlen("unknown option ") + 2 + NAME_LIMIT);
    name[2 + NAME_LIMIT] = 'a';
    assert_false(parse(&full, WORDS(name), &error, &line));
    assert_int_equal(strlen(error.message), strlen("unknown option ") + 80);
}

static bool parse_much(void *context)
{
    bool *is_wrong = context;
    struct error error = {0};
    struct command_line line = {0};
    bool is_parsed = parse(&full,
                           WORDS("a", "b", "--topology=sidecar", "--enable-user-namespaces",
                                 "--namespace-annotation=a=b", "--as-group=c"),
                           &error, &line);
    *is_wrong = *is_wrong || (!is_parsed && error.code != ERROR_NO_MEMORY) ||
                (is_parsed && (line.operand_count != 2 || line.flag_count != 2));
    command_line_done(&line);
    return is_parsed;
}

static void survives_missing_memory(void **state)
{
    (void) state;
    bool is_wrong = false;
    size_t runs;
    assert_true(allocation_fail_each(parse_much, &is_wrong, RUN_LIMIT, &runs));
    assert_false(is_wrong);
    assert_true(runs > 6);
}

#define ACT_CODE 7 /* none of enum command_exit */
#define COMPLAINT_BYTES 200

static int act_count;

static bool check_operand(const struct command_line *line, struct error *error)
{
    return strcmp(line->operands[0], "good") == 0 ||
           error_set(error, ERROR_INVALID, "\"%s\" is not good", line->operands[0]);
}

static int act(const char *name, const struct command_line *line)
{
    act_count++;
    return strcmp(name, "render") == 0 && line->operand_count == 1 ? ACT_CODE : COMMAND_INTERNAL;
}

/* Runs the command with one argument; what it says on standard output and error is the caller's. */
static int run_command(const struct command_definition *definition, const char *argument, char **output,
                       char **complaint)
{
    char *arguments[] = {(char *) (uintptr_t) "render", (char *) (uintptr_t) argument, NULL};
    FILE *streams[] = {stdout, stderr};
    size_t sizes[2];
    act_count = 0;
    stdout = open_memstream(output, &sizes[0]);
    stderr = open_memstream(complaint, &sizes[1]);
    int exit_code = command_line_run(definition, 2, arguments);
    fclose(stdout);
    fclose(stderr);
    stdout = streams[0];
    stderr = streams[1];
    return exit_code;
}

static void expect_run(const struct command_definition *definition, const char *argument, int exit_code,
                       const char *expected_complaint)
{
    char *output, *complaint;
    assert_int_equal(run_command(definition, argument, &output, &complaint), exit_code);
    assert_int_equal(act_count, exit_code == ACT_CODE);
    assert_string_equal(output, "");
    assert_string_equal(complaint, expected_complaint);
    free(output);
    free(complaint);
}

static void acts_on_a_line_that_is_right_and_reports_one_that_is_not(void **state)
{
    (void) state;
    static const char hint[] = "openshell-injector render --help shows how it is used.\n";
    struct command_definition definition = {.usage = "", .syntax = {.operand_limit = 1}, .act = act};
    char complaint[COMPLAINT_BYTES];
    expect_run(&definition, "bad", ACT_CODE, "");
    snprintf(complaint, sizeof complaint, "openshell-injector render: unknown option --bad\n%s", hint);
    expect_run(&definition, "--bad", COMMAND_USAGE, complaint);
    definition.check = check_operand;
    expect_run(&definition, "good", ACT_CODE, "");
    snprintf(complaint, sizeof complaint, "openshell-injector render: \"bad\" is not good\n%s", hint);
    expect_run(&definition, "bad", COMMAND_USAGE, complaint);
}

static void shows_the_help_instead_with_the_flags_of_a_command_that_takes_them(void **state)
{
    (void) state;
    static const unsigned options[] = {0, TAKES_CONFIGURATION};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct command_definition definition = {
            .usage = "how\n", .syntax = {.options = options[i]}, .check = check_operand, .act = act};
        char *output, *complaint;
        assert_int_equal(run_command(&definition, "--help", &output, &complaint), COMMAND_OK);
        assert_int_equal(act_count, 0);
        assert_int_equal(strncmp(output, "how\n", 4), 0);
        assert_int_equal(strstr(output, "--topology") != NULL, options[i] != 0);
        assert_string_equal(complaint, "");
        free(output);
        free(complaint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_arguments_everything_has_its_default),
        cmocka_unit_test(takes_a_value_in_every_form),
        cmocka_unit_test(takes_operands_between_and_behind_options),
        cmocka_unit_test(hands_on_flags_of_the_configuration),
        cmocka_unit_test(a_switch_needs_no_value_and_takes_only_a_plain_one),
        cmocka_unit_test(collects_annotations_and_groups),
        cmocka_unit_test(takes_where_the_cluster_is),
        cmocka_unit_test(takes_what_the_registrations_are_called),
        cmocka_unit_test(takes_the_endpoint_by_name),
        cmocka_unit_test(help_ends_the_reading),
        cmocka_unit_test(names_what_it_refuses),
        cmocka_unit_test(a_command_takes_its_own_options_alone),
        cmocka_unit_test(takes_as_many_operands_as_allowed_and_not_one_more),
        cmocka_unit_test(looks_at_names_up_to_a_limit),
        cmocka_unit_test(survives_missing_memory),
        cmocka_unit_test(acts_on_a_line_that_is_right_and_reports_one_that_is_not),
        cmocka_unit_test(shows_the_help_instead_with_the_flags_of_a_command_that_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
