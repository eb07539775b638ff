#include "webhook/commands/serve_options.h"

#include "common/cleanup.h"
#include "webhook/commands/option_value.h"
#include "webhook/server/server.h"

#include <string.h>

/* Longest option name, with room to spare. */
#define OPTION_NAME_BYTES 128

/* Upstream's name for the level of the program's own log. */
#define LOG_LEVEL_VARIABLE "OPENSHELL_LOG_LEVEL"

enum option_kind {
    OPTION_TEXT,
    OPTION_SWITCH,
    OPTION_DURATION,
    OPTION_NUMBER,
    OPTION_LEVEL,
    OPTION_NAMES,
    OPTION_DNS_NAMES
};

/* One option of the server; `offset` is where its value goes in struct serve_options. */
struct option {
    const char *name;
    const char *placeholder; /* in the help; NULL for a switch */
    enum option_kind kind;
    size_t offset;
    uint32_t minimum, maximum; /* of a number, or of a duration in milliseconds */
    const char *help;
};

#define AT(member) offsetof(struct serve_options, member)

static const struct option own_options[] = {
    {"listen", "ADDRESS:PORT", OPTION_TEXT, AT(listen), 0, 0, "serve admission over TLS here (:8443)"},
    {"metrics-listen", "ADDRESS:PORT", OPTION_TEXT, AT(metrics_listen), 0, 0,
     "serve /metrics, /healthz and /readyz without TLS here (:8080)"},
    {"tls-certificate", "FILE", OPTION_TEXT, AT(tls_certificate), 0, 0,
     "PEM certificate chain; reloaded (without it the injector makes and renews its own)"},
    {"tls-key", "FILE", OPTION_TEXT, AT(tls_key), 0, 0, "PEM private key; reloaded"},
    {"namespace", "NAME", OPTION_TEXT, AT(certificates.namespace_name), 0, 0,
     "own certificates: namespace of Service, Secret and Lease (the pod's)"},
    {"service", "NAME", OPTION_TEXT, AT(certificates.service), 0, 0,
     "own certificates: the Service they are for (" CERTS_DEFAULT_NAME ")"},
    {"dns-name", "NAME", OPTION_DNS_NAMES, 0, 0, 0,
     "own certificates: another DNS name or IP address they are for; repeatable"},
    {"cluster-domain", "NAME", OPTION_TEXT, AT(certificates.cluster_domain), 0, 0,
     "own certificates: the cluster's DNS domain (" CERTS_DEFAULT_CLUSTER_DOMAIN ")"},
    {"authorities-secret", "NAME", OPTION_TEXT, AT(certificates.secret), 0, 0,
     "own certificates: Secret of the authorities (" CERTS_DEFAULT_SECRET ")"},
    {"certificate-lease", "NAME", OPTION_TEXT, AT(certificates.lease), 0, 0,
     "own certificates: Lease of whoever rotates (" CERTS_DEFAULT_LEASE ")"},
    {"mutating-configuration", "NAME", OPTION_TEXT, AT(certificates.mutating_configuration), 0, 0,
     "own certificates: object whose caBundle is kept (" CERTS_DEFAULT_NAME ")"},
    {"validating-configuration", "NAME", OPTION_TEXT, AT(certificates.validating_configuration), 0, 0,
     "own certificates: object whose caBundle is kept (" CERTS_DEFAULT_NAME ")"},
    {"certificate-life", "TIME", OPTION_TEXT, AT(certificates.life), 0, 0,
     "own certificates: life of a serving certificate (7d)"},
    {"authority-life", "TIME", OPTION_TEXT, AT(certificates.authority_life), 0, 0,
     "own certificates: life of an authority (1y)"},
    {"certificate-propagation", "TIME", OPTION_TEXT, AT(certificates.propagation), 0, 0,
     "own certificates: how long a caBundle holds an authority before it signs (10s)"},
    {"certificate-algorithm", "NAME", OPTION_TEXT, AT(certificates.algorithm), 0, 0,
     "own certificates: ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096 (ecdsa-p256)"},
    {"client-ca", "FILE", OPTION_TEXT, AT(client_authority), 0, 0,
     "PEM authorities whose clients alone may ask; reloaded"},
    {"client-name", "NAME", OPTION_NAMES, 0, 0, 0,
     "common or alternative name a client must have; repeatable"},
    {"config", "FILE", OPTION_TEXT, AT(configuration_file), 0, 0, "InjectorConfiguration; reloaded"},
    {"kubeconfig", "FILE", OPTION_TEXT, AT(kubeconfig), 0, 0, "how to reach the cluster, outside of one"},
    {"drain-delay", "DURATION", OPTION_DURATION, AT(drain_delay_ms), 0, OPTION_HOUR_MS,
     "after SIGTERM, go on serving for this long (5s)"},
    {"drain-timeout", "DURATION", OPTION_DURATION, AT(drain_timeout_ms), 0, OPTION_HOUR_MS,
     "then let requests finish for this long (20s)"},
    {"header-timeout", "DURATION", OPTION_DURATION, AT(header_timeout_ms), 100, OPTION_HOUR_MS,
     "time for a TLS handshake, and for a request's header (10s)"},
    {"request-timeout", "DURATION", OPTION_DURATION, AT(request_timeout_ms), 100, OPTION_HOUR_MS,
     "time for a request's body and its answer (30s)"},
    {"idle-timeout", "DURATION", OPTION_DURATION, AT(idle_timeout_ms), 100, 24 * OPTION_HOUR_MS,
     "keep an unused connection for this long; API servers keep theirs for 90s (120s)"},
    {"max-connections", "NUMBER", OPTION_NUMBER, AT(connections), 1, 65536, "open connections at once (512)"},
    {"threads", "NUMBER", OPTION_NUMBER, AT(threads), 0, SERVER_THREADS_MAXIMUM,
     "worker threads; 0: one per processor (0)"},
    {"log-level", "LEVEL", OPTION_LEVEL, 0, 0, 0,
     "debug, info, warn or error (info)  [" LOG_LEVEL_VARIABLE "]"},
    {"print-config", NULL, OPTION_SWITCH, AT(prints_configuration), 0, 0,
     "print the effective configuration and its digest, and end"},
    {"help", NULL, OPTION_SWITCH, AT(wants_help), 0, 0, "print this"},
};

#define OPTION_COUNT (sizeof own_options / sizeof *own_options)

static const struct serve_options defaults = {
    .listen = ":8443",
    .metrics_listen = ":8080",
    .drain_delay_ms = 5000,
    .drain_timeout_ms = 20000,
    .header_timeout_ms = 10000,
    .request_timeout_ms = 30000,
    .idle_timeout_ms = 120000,
    .connections = 512,
    .log_level = LOG_LEVEL_INFO,
    .audit = AUDIT_OPTIONS_DEFAULT,
};

/* The arguments as they are used up. */
struct arguments {
    int count;
    char **items;
    int at; /* the next one */
};

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(own_options[i].name, name) == 0)
            return &own_options[i];
    return NULL;
}

static bool add_client_name(struct serve_options *options, const char *name, struct error *error)
{
    if (options->client_name_count == SERVE_CLIENT_NAMES)
        return error_set(error, ERROR_INVALID, "--client-name: more than %d", SERVE_CLIENT_NAMES);
    options->client_names[options->client_name_count++] = name;
    return true;
}

static bool add_dns_name(struct certs_options *options, const char *name, struct error *error)
{
    if (options->name_count == CERTS_DNS_NAMES)
        return error_set(error, ERROR_INVALID, "--dns-name: more than %d", CERTS_DNS_NAMES);
    options->names[options->name_count++] = name;
    return true;
}

static bool set_option(struct serve_options *options, const struct option *option, const char *value,
                       struct error *error)
{
    void *target = (char *) options + option->offset;
    switch (option->kind) {
    case OPTION_TEXT:
        if (!*value)
            return error_set(error, ERROR_INVALID, "--%s: must not be empty", option->name);
        *(const char **) target = value;
        return true;
    case OPTION_SWITCH:
        return option_value_switch(option->name, value, error, target);
    case OPTION_DURATION:
        return option_value_duration(option->name, value, option->minimum, option->maximum, error, target);
    case OPTION_NUMBER:
        return option_value_number(option->name, value, option->minimum, option->maximum, error, target);
    case OPTION_LEVEL:
        return log_level_parse(value, error, &options->log_level) ||
               error_prefix(error, "--%s", option->name);
    case OPTION_NAMES:
        return add_client_name(options, value, error);
    case OPTION_DNS_NAMES:
        return add_dns_name(&options->certificates, value, error);
    }
    return false;
}

/* The name is copied: with `--name=value` it does not end in argv. */
static bool add_flag(struct serve_options *options, const char *name, const char *value, struct error *error)
{
    _cleanup_(freep) char *copy = strdup(name);
    struct configuration_flag *flags = realloc(options->flags, (options->flag_count + 1) * sizeof *flags);
    if (flags)
        options->flags = flags;
    if (!copy || !flags)
        return error_set_no_memory(error);
    flags[options->flag_count++] = (struct configuration_flag){.name = take_pointer(&copy), .value = value};
    return true;
}

/* The value of an option: behind `=`, the next argument, or for a switch "true". */
static bool take_value(struct arguments *arguments, const char *name, bool is_switch, const char *given,
                       struct error *error, const char **value)
{
    const char *next = arguments->at < arguments->count ? arguments->items[arguments->at] : NULL;
    bool uses_next = !is_switch || (next && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0));
    if (given)
        *value = given;
    else if (!uses_next)
        *value = "true";
    else if (next)
        *value = arguments->items[arguments->at++];
    else
        return error_set(error, ERROR_INVALID, "--%s: needs a value", name);
    return true;
}

static bool take_option(struct arguments *arguments, const char *name, const char *given,
                        struct serve_options *options, struct error *error)
{
    const char *value = NULL;
    bool takes_value = false;
    bool is_switch;
    const struct option *option = find_option(name);
    if (audit_options_know(name, &is_switch))
        return take_value(arguments, name, is_switch, given, error, &value) &&
               audit_options_set(&options->audit, name, value, error);
    if (option)
        return take_value(arguments, name, option->kind == OPTION_SWITCH, given, error, &value) &&
               set_option(options, option, value, error);
    if (!configuration_is_flag(name, &takes_value))
        return error_set(error, ERROR_INVALID, "unknown option --%.80s", name);
    return take_value(arguments, name, !takes_value, given, error, &value) &&
           add_flag(options, name, value, error);
}

static bool take_argument(struct arguments *arguments, struct serve_options *options, struct error *error)
{
    char name[OPTION_NAME_BYTES];
    const char *argument = arguments->items[arguments->at++];
    if (strcmp(argument, "-h") == 0)
        argument = "--help";
    size_t length = strcspn(argument, "=");
    if (strncmp(argument, "--", 2) != 0 || length == 2)
        return error_set(error, ERROR_INVALID, "unexpected argument \"%.100s\"", argument);
    if (length - 2 >= sizeof name)
        return error_set(error, ERROR_INVALID, "unknown option %.80s", argument);
    memcpy(name, argument + 2, length - 2);
    name[length - 2] = '\0';
    return take_option(arguments, name, argument[length] ? argument + length + 1 : NULL, options, error);
}

/* The flag is read afterwards and wins. */
static bool read_environment(struct serve_options *options, struct error *error)
{
    const char *level = getenv(LOG_LEVEL_VARIABLE);
    return !level || !*level || log_level_parse(level, error, &options->log_level) ||
           error_prefix(error, "environment %s", LOG_LEVEL_VARIABLE);
}

bool serve_options_parse(int argc, char **argv, struct error *error, struct serve_options *result)
{
    struct arguments arguments = {.count = argc, .items = argv, .at = 1};
    struct serve_options options = defaults;
    if (!read_environment(&options, error))
        return false;
    while (arguments.at < arguments.count && !options.wants_help) {
        if (!take_argument(&arguments, &options, error)) {
            serve_options_done(&options);
            return false;
        }
    }
    *result = options;
    return true;
}

void serve_options_done(struct serve_options *options)
{
    for (size_t i = 0; i < options->flag_count; i++)
        free((char *) (uintptr_t) options->flags[i].name);
    free(options->flags);
    options->flags = NULL;
    options->flag_count = 0;
}

void serve_options_append_help(struct buffer *text)
{
    buffer_append_string(text, "Usage: openshell-injector serve [OPTION...]\n\n"
                               "Serves the mutating and the validating webhook.\n\nOptions:\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char form[64];
        const struct option *option = &own_options[i];
        snprintf(form, sizeof form, "--%s%s%s", option->name, option->placeholder ? " " : "",
                 option->placeholder ? option->placeholder : "");
        buffer_append_format(text, "  %-32s %s\n", form, option->help);
    }
    buffer_append_string(text, "\nOptions of the audit log:\n");
    audit_options_append_help(text);
    buffer_append_string(text, "\nOptions that shape pods, which override the environment and the file:\n");
    configuration_append_help(text);
    buffer_append_string(
        text, "\nA DURATION is a number with ms, s, m or h; a TIME has s, m, h, d or y.\n"
              "SIGHUP reloads all files; changed ones are noticed too. SIGTERM ends.\n\n"
              "Exit codes: 0 an orderly end, 2 wrong usage or configuration, 3 internal failure.\n\n"
              "Examples:\n"
              "  openshell-injector serve --tls-certificate tls.crt --tls-key tls.key "
              "--config injector.yaml\n"
              "  openshell-injector serve --print-config --config injector.yaml --topology sidecar\n");
}
