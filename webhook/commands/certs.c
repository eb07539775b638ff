#include "webhook/commands/certs.h"

#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"

#include <string.h>

#define PLACE "directory namespace authorities-secret kubeconfig context "
#define NAMES "service dns-name cluster-domain "
#define LIVES "certificate-life authority-life certificate-algorithm "

struct action {
    const char *name;
    const char *accepted;
    bool (*run)(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
};

static const struct action actions[] = {
    {"init", PLACE NAMES LIVES, certs_init},
    {"rotate", PLACE NAMES LIVES "authority promote", certs_rotate},
    {"status",
     PLACE "service address output certificate-lease mutating-configuration validating-configuration",
     certs_status},
    {"export", PLACE "output", certs_export},
    {"check",
     PLACE "service address certificate key bundle host days mutating-configuration validating-configuration",
     certs_check},
    {"admission-kubeconfig",
     "directory namespace service client-name certificate-life certificate-algorithm server-path",
     certs_admission_kubeconfig},
};

static const char help[] =
    "Usage: openshell-injector certs ACTION [OPTION...]\n"
    "\n"
    "Looks after the certificates that the injector makes for itself, or makes them for files.\n"
    "\n"
    "Actions:\n"
    "  init                  make the authority, unless there is one; with --directory also a serving pair\n"
    "  rotate                with --directory: make a new serving pair, for the names of the old one unless\n"
    "                        names are given\n"
    "  rotate --authority    make the next authority; running injectors publish it, then sign with it.\n"
    "                        With --directory: install ca-bundle.crt everywhere, then add --promote\n"
    "  status                show authorities, bundles and who holds the Lease\n"
    "  export                print what clients are to trust\n"
    "  check                 exit 1 unless everything is valid\n"
    "  admission-kubeconfig  make a client certificate for the API server and the files that make it use it\n"
    "\n"
    "Where: a Secret in the cluster, or files.\n"
    "  --directory DIR             files in this directory, readable by their owner alone\n"
    "  --namespace NAME            of the Secret and the Service (the kubeconfig's or the pod's)\n"
    "  --authorities-secret NAME   (" CERTS_DEFAULT_SECRET ")\n"
    "  --kubeconfig FILE, --context NAME\n"
    "\n"
    "What is made:\n"
    "  --service NAME              the certificate is for this Service (" CERTS_DEFAULT_NAME ")\n"
    "  --dns-name NAME             another DNS name or IP address; repeatable\n"
    "  --cluster-domain NAME       (" CERTS_DEFAULT_CLUSTER_DOMAIN ")\n"
    "  --certificate-life TIME     (7d; a client certificate 1y)\n"
    "  --authority-life TIME       (1y)\n"
    "  --certificate-algorithm NAME  ecdsa-p256, ecdsa-p384, ed25519, rsa-3072, rsa-4096 (ecdsa-p256)\n"
    "\n"
    "Of single actions:\n"
    "  --address HOST:PORT         status and check: the certificate that is served there; check: whether\n"
    "                              clients of the Service verify it\n"
    "  --output FORMAT             status: table or json; export: pem or base64\n"
    "  --certificate FILE --key FILE --bundle FILE\n"
    "                              check: this pair, by this bundle\n"
    "  --host NAME                 check: the name that is verified (with --address the Service's)\n"
    "  --days NUMBER               check: also when less than this many days are left of the authority,\n"
    "                              or of what is served (0)\n"
    "  --client-name NAME          admission-kubeconfig: common name of the client (kube-apiserver)\n"
    "  --server-path DIR           admission-kubeconfig: where the files will be on the API server's "
    "machine\n"
    "  --certificate-lease, --mutating-configuration, --validating-configuration NAME\n"
    "\n"
    "  -h, --help                  this text\n"
    "\n"
    "Private keys are never printed.\n"
    "\n"
    "Exit codes: 0 done, 1 check finds something that is not valid, 2 wrong usage or input, 3 the address or "
    "the\n"
    "cluster cannot be reached, or an internal failure.\n"
    "\n"
    "Examples:\n"
    "  openshell-injector certs status --namespace openshell-injector\n"
    "  openshell-injector certs check --namespace openshell-injector --address 10.0.0.7:8443\n"
    "  openshell-injector certs init --directory certificates --namespace openshell-injector\n"
    "  openshell-injector certs check --directory certificates --days 2\n";

static int run_action(const struct action *action, const struct certs_line *line)
{
    struct error error;
    int exit_code = COMMAND_OK;
    _cleanup_(buffer_done) struct buffer output = BUFFER_INIT(CERTS_OUTPUT_BYTES);
    if (!action->run(line, &error, &output, &exit_code)) {
        error_prefix(&error, "%s", action->name);
        return command_fail("certs", &error);
    }
    return command_finish("certs", &output, exit_code);
}

static int run(int argc, char **argv)
{
    struct error error;
    struct certs_line line;
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return command_help("certs", help, false);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) != 0)
            continue;
        if (!certs_line_parse(argc - 1, argv + 1, actions[i].accepted, &error, &line)) {
            error_prefix(&error, "%s", name);
            return command_fail_usage("certs", &error);
        }
        return line.wants_help ? command_help("certs", help, false) : run_action(&actions[i], &line);
    }
    error_set(&error, ERROR_INVALID, *name ? "\"%.60s\" is no action" : "%sno action given", name);
    return command_fail_usage("certs", &error);
}

const struct command command_certs = {
    .name = "certs", .summary = "Look after certificates: init, rotate, status, export, check", .run = run};
