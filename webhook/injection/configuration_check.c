#include "webhook/injection/configuration_check.h"

#include "common/syntax.h"
#include "webhook/injection/configuration.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, "%s", what);
}

bool check_image(const char *text, struct error *error)
{
    return !strchr(text, ' ') || refuse(error, "must be an image reference, without spaces");
}

bool check_pull_policy(const char *text, struct error *error)
{
    bool is_policy =
        strcmp(text, "Always") == 0 || strcmp(text, "IfNotPresent") == 0 || strcmp(text, "Never") == 0;
    return is_policy || refuse(error, "must be Always, IfNotPresent or Never");
}

bool check_endpoint(const char *text, struct error *error)
{
    return !strchr(text, ' ') || refuse(error, "must be a URL, without spaces");
}

bool check_secret_name(const char *text, struct error *error)
{
    return syntax_is_dns_subdomain(text) ||
           refuse(error, "must be the name of a Secret: at most 253 lower-case letters, digits, dashes and "
                         "dots, with a letter or digit at the ends and beside each dot");
}

bool check_secret_key(const char *text, struct error *error)
{
    return syntax_is_data_key(text) ||
           refuse(error, "must be a key of a Secret: at most 253 letters, digits, dashes, underscores and "
                         "dots, not \".\" or \"..\"");
}

bool check_ip_address(const char *text, struct error *error)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1 ||
           refuse(error, "must be an IPv4 or IPv6 address");
}

#define LAST_PORT 65535

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits])
        return false;
    long port = strtol(text, NULL, 10);
    return port > 0 && port <= LAST_PORT;
}

/* A DNS name, an IPv4 address, or an IPv6 address in brackets, of `length` bytes. */
static bool is_host(const char *text, size_t length)
{
    char host[SYNTAX_SUBDOMAIN_BYTES + 1];
    if (length == 0 || length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (host[0] != '[')
        return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == length;
    struct in6_addr address;
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &address) == 1;
}

bool check_proxy_url(const char *text, struct error *error)
{
    static const char scheme[] = "http://";
    const char *host = text + strlen(scheme);
    bool has_scheme = strncmp(text, scheme, strlen(scheme)) == 0;
    const char *colon = has_scheme ? strrchr(host, ':') : NULL;
    return (colon && is_host(host, (size_t) (colon - host)) && is_port(colon + 1)) ||
           refuse(error, "must be http://host:port without credentials, path or query");
}

bool check_no_proxy(const char *text, struct error *error)
{
    return strspn(text, " ,") < strlen(text) || refuse(error, "must name destinations, separated by commas");
}

/* The name after "Localhost/", or NULL when the text has another form, which `*is_fixed` tells of. */
static const char *local_profile(const char *text, bool *is_fixed)
{
    static const char local[] = "Localhost/";
    *is_fixed = strcmp(text, "RuntimeDefault") == 0 || strcmp(text, "Unconfined") == 0;
    return strncmp(text, local, strlen(local)) == 0 ? text + strlen(local) : NULL;
}

bool check_app_armor_profile(const char *text, struct error *error)
{
    bool is_fixed;
    const char *name = local_profile(text, &is_fixed);
    /* The API server takes no space around the name. */
    bool is_local = name && *name && name[0] != ' ' && name[strlen(name) - 1] != ' ';
    return is_fixed || is_local || refuse(error, "must be RuntimeDefault, Unconfined or Localhost/<name>");
}

bool check_seccomp_profile(const char *text, struct error *error)
{
    bool is_fixed;
    const char *path = local_profile(text, &is_fixed);
    /* The kubelet resolves it below its own directory; the slash before it is part of `text`. */
    bool is_local = path && syntax_is_normal_path(path - 1);
    return is_fixed || is_local ||
           refuse(error,
                  "must be RuntimeDefault, Unconfined or Localhost/<path below the seccomp directory>");
}

static bool is_digest(const char *text)
{
    static const char prefix[] = "sha256:";
    const char *digits = text + strlen(prefix);
    return strncmp(text, prefix, strlen(prefix)) == 0 && strlen(digits) == 64 &&
           strspn(digits, "0123456789abcdef") == 64;
}

bool check_image_pattern(const char *text, struct error *error)
{
    if (strncmp(text, "sha256:", 7) == 0)
        return is_digest(text) || refuse(error, "must be sha256: and 64 hexadecimal digits in lower case");
    return !strpbrk(text, " []\\") ||
           refuse(error, "must be a pattern with * and ? only, without spaces, or a digest");
}

bool check_container_name(const char *text, struct error *error)
{
    return syntax_is_dns_label(text) ||
           refuse(error, "must be the name of a container: at most 63 lower-case letters, digits and dashes, "
                         "no dash at the ends");
}

bool check_creator(const char *text, struct error *error)
{
    return (text[0] != ' ' && text[strlen(text) - 1] != ' ') ||
           refuse(error, "must not begin or end with a space");
}

/* What OpenShell itself takes from a user's environment. */
#define VARIABLE_NAME_BYTES 256
#define VARIABLE_VALUE_BYTES 8192

bool check_environment_entry(const char *key, const char *value, struct error *error)
{
    if (!syntax_is_variable_name(key) || strlen(key) > VARIABLE_NAME_BYTES)
        return refuse(error,
                      "the name must be letters, digits and underscores, not begin with a digit, and have "
                      "at most 256 bytes");
    if (strncmp(key, "OPENSHELL_", strlen("OPENSHELL_")) == 0)
        return refuse(error, "names that begin with OPENSHELL_ belong to the supervisor");
    return strlen(value) <= VARIABLE_VALUE_BYTES || refuse(error, "must have at most 8192 bytes");
}

/* Keys that say what a pod is to OpenShell and to us; nobody may hand them out by configuration. */
static bool is_reserved_key(const char *key)
{
    static const char *const domains[] = {"openshell.ai", "openshell.io"};
    size_t prefix = strcspn(key, "/");
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        size_t length = strlen(domains[i]);
        if (!key[prefix] || prefix < length || memcmp(key + prefix - length, domains[i], length) != 0)
            continue;
        if (prefix == length || key[prefix - length - 1] == '.')
            return true;
    }
    return false;
}

static bool check_key(const char *key, struct error *error)
{
    if (!syntax_is_qualified_name(key))
        return refuse(error,
                      "the key must be a name of at most 63 letters, digits, dashes, underscores and dots, "
                      "with a letter or digit at the ends, if need be after a DNS name and a slash");
    return !is_reserved_key(key) ||
           refuse(error, "keys of openshell.ai and openshell.io are OpenShell's own");
}

bool check_label_entry(const char *key, const char *value, struct error *error)
{
    return check_key(key, error) &&
           (syntax_is_label_value(value) ||
            refuse(error,
                   "must be empty or at most 63 letters, digits, dashes, underscores and dots, with a letter "
                   "or digit at the ends"));
}

bool check_annotation_entry(const char *key, const char *value, struct error *error)
{
    (void) value; /* any text */
    return check_key(key, error);
}
