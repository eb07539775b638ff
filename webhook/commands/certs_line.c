#include "webhook/commands/certs.h"
#include "webhook/commands/option_value.h"

#include <string.h>

#define NAME_BYTES 64

/* An option with a value, and where that goes in struct certs_line. */
struct option {
    const char *name;
    size_t offset;
};

#define AT(member) offsetof(struct certs_line, member)

static const struct option text_options[] = {
    {"directory", AT(directory)},
    {"kubeconfig", AT(kubeconfig)},
    {"context", AT(context)},
    {"output", AT(format)},
    {"certificate", AT(certificate)},
    {"key", AT(key)},
    {"bundle", AT(bundle)},
    {"host", AT(host)},
    {"days", AT(days)},
    {"address", AT(address)},
    {"client-name", AT(client_name)},
    {"server-path", AT(server_path)},
    {"namespace", AT(options.namespace_name)},
    {"service", AT(options.service)},
    {"authorities-secret", AT(options.secret)},
    {"certificate-lease", AT(options.lease)},
    {"mutating-configuration", AT(options.mutating_configuration)},
    {"validating-configuration", AT(options.validating_configuration)},
    {"cluster-domain", AT(options.cluster_domain)},
    {"certificate-algorithm", AT(options.algorithm)},
    {"certificate-life", AT(options.life)},
    {"authority-life", AT(options.authority_life)},
};

static bool set_text(struct certs_line *line, const char *name, const char *value, struct error *error)
{
    if (!*value)
        return error_set(error, ERROR_INVALID, "--%s: must not be empty", name);
    if (strcmp(name, "dns-name") == 0) {
        if (line->options.name_count == CERTS_DNS_NAMES)
            return error_set(error, ERROR_INVALID, "--dns-name: more than %d", CERTS_DNS_NAMES);
        line->options.names[line->options.name_count++] = value;
        return true;
    }
    for (size_t i = 0; i < sizeof text_options / sizeof *text_options; i++)
        if (strcmp(text_options[i].name, name) == 0)
            *(const char **) (void *) ((char *) line + text_options[i].offset) = value;
    return true;
}

/* True for an option without a value, which is then set. */
static bool set_switch(struct certs_line *line, const char *name)
{
    if (strcmp(name, "authority") == 0)
        line->is_authority = true;
    else if (strcmp(name, "promote") == 0)
        line->is_promotion = true;
    else
        return false;
    return true;
}

bool certs_line_parse(int argc, char **argv, const char *accepted, struct error *error,
                      struct certs_line *result)
{
    struct certs_line line = {0};
    for (int i = 1; i < argc; i++) {
        char name[NAME_BYTES] = "";
        const char *argument = argv[i];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            line.wants_help = true;
            break;
        }
        if (strcmp(argument, "-o") == 0)
            argument = "--output";
        size_t length = strcspn(argument, "=");
        if (strncmp(argument, "--", 2) != 0 || length <= 2 || length - 2 >= sizeof name)
            return error_set(error, ERROR_INVALID, "unexpected argument \"%.80s\"", argument);
        memcpy(name, argument + 2, length - 2);
        if (!option_is_among(accepted, name))
            return error_set(error, ERROR_INVALID, "unknown option --%s", name);
        const char *value = argument[length] ? argument + length + 1 : NULL;
        if (!value && set_switch(&line, name))
            continue;
        if (!value && i + 1 == argc)
            return error_set(error, ERROR_INVALID, "--%s: needs a value", name);
        if (!set_text(&line, name, value ? value : argv[++i], error))
            return false;
    }
    *result = line;
    return true;
}
