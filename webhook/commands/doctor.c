#include "webhook/commands/doctor.h"

#include "common/syntax.h"
#include "webhook/commands/checkup_report.h"
#include "webhook/commands/cluster_client.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/terminal.h"

#include <string.h>

static const char usage[] =
    "Usage: openshell-injector doctor [OPTION...]\n"
    "\n"
    "Looks at an installation from outside: whether the cluster has what the configuration needs, whether "
    "the\n"
    "webhooks are registered as manifests/base has them and their Service has replicas, whether the policy "
    "is\n"
    "installed, and whether a sandbox pod, tried by dry run, comes back supervised. Nothing is changed.\n"
    "\n"
    "  -o, --output text|json               a table for people (default), or one JSON object\n"
    "      --namespace NAME                 of the sandboxes (" DOCTOR_DEFAULT_NAMESPACE ")\n"
    "      --kubeconfig FILE                how to reach the cluster, and\n"
    "      --context NAME                   which context of it\n"
    "      --mutating-configuration NAME    the MutatingWebhookConfiguration (openshell-injector)\n"
    "      --validating-configuration NAME  the ValidatingWebhookConfiguration (openshell-injector)\n"
    "      --namespace-annotation K=V       an annotation of the sandboxes' namespace, instead of those that "
    "it\n"
    "                                       has; may be repeated\n"
    "      --config FILE                    the server's configuration file\n"
    "  -h, --help                           this text\n"
    "\n"
    "Each check is ok, a warning or failed. What the account may not look at is a warning that names the "
    "right.\n"
    "No value of a Secret is read.\n"
    "\n"
    "Exit codes: 0 nothing failed, 1 something failed, 2 wrong usage or input, 3 the cluster cannot be "
    "reached,\n"
    "or an internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector doctor --config injector.yaml\n"
    "  openshell-injector doctor --config injector.yaml --namespace sandboxes --context production\n"
    "  openshell-injector doctor --config injector.yaml -o json | jq -r '.checks[] | select(.result != "
    "\"ok\")'\n";

/* False: no API server answers. */
static bool examine(struct doctor *doctor)
{
    if (!doctor_ask_version(doctor))
        return false;
    doctor_ask_namespace(doctor);
    doctor_ask_registrations(doctor);
    doctor_ask_policies(doctor);
    doctor_try_pods(doctor);
    return true;
}

static int print_checkup(const char *name, const char *format, const struct checkup *checkup, int exit_code)
{
    struct error error;
    if (strcmp(format, "json") != 0)
        return checkup_report_print_table(checkup, stdout, terminal_has_colour(stdout), &error)
                   ? exit_code
                   : command_fail_output(name, &error);
    struct buffer output = BUFFER_INIT(COMMAND_OUTPUT_BYTES);
    checkup_report_append_json(checkup, &output);
    exit_code = command_finish(name, &output, exit_code);
    buffer_done(&output);
    return exit_code;
}

static int diagnose(const char *name, struct doctor *doctor)
{
    struct error error;
    if (!cluster_client_open(doctor->line->kubeconfig, doctor->line->context, &error, &doctor->client))
        return command_fail(name, &error);
    int exit_code = COMMAND_INTERNAL;
    if (examine(doctor))
        exit_code = doctor->checkup.counts[CHECK_FAILED] ? COMMAND_DENIED : COMMAND_OK;
    exit_code = checkup_complete(&doctor->checkup, &error)
                    ? print_checkup(name, doctor->line->format, &doctor->checkup, exit_code)
                    : command_fail(name, &error);
    cluster_client_close(doctor->client);
    cJSON_Delete(doctor->namespace_object);
    checkup_done(&doctor->checkup);
    return exit_code;
}

static int doctor(const char *name, const struct command_line *line)
{
    struct error error;
    struct configuration *configuration = NULL;
    if (!command_line_load_configuration(line, &error, &configuration))
        return command_fail(name, &error);
    struct doctor doctor = {.line = line,
                            .configuration = configuration,
                            .namespace_name =
                                line->namespace_name ? line->namespace_name : DOCTOR_DEFAULT_NAMESPACE};
    int exit_code = diagnose(name, &doctor);
    configuration_free(configuration);
    return exit_code;
}

/* A name that cannot be one is a mistake of whoever typed it, not of the cluster. */
static bool check_line(const struct command_line *line, struct error *error)
{
    const char *names[] = {line->mutating_configuration, line->validating_configuration};
    if (line->namespace_name && !syntax_is_dns_label(line->namespace_name))
        return error_set(error, ERROR_INVALID, "--namespace: \"%.100s\" cannot be the name of a namespace",
                         line->namespace_name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] && !syntax_is_dns_subdomain(names[i]))
            return error_set(error, ERROR_INVALID, "--%s: \"%.100s\" cannot be the name of an object",
                             i ? "validating-configuration" : "mutating-configuration", names[i]);
    }
    return true;
}

static int run(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const struct command_definition definition = {
        .usage = usage,
        .syntax = {.options = TAKES_FORMAT | TAKES_CONFIGURATION | TAKES_CLUSTER | TAKES_REGISTRATION,
                   .formats = formats},
        .check = check_line,
        .act = doctor,
    };
    return command_line_run(&definition, argc, argv);
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Look at an installation: what is in order, what is not, what to do",
    .run = run};
