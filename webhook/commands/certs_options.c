#include "webhook/commands/certs_options.h"

#include <stdint.h>
#include <string.h>

/* Longest life: what a certificate can say, with room to calculate. */
#define LIFE_MAXIMUM_S ((time_t) 100 * 365 * 24 * 3600)

const char *certs_option_or(const char *value, const char *fallback)
{
    return value ? value : fallback;
}

bool certs_options_parse_life(const char *text, time_t minimum_s, struct error *error, time_t *seconds)
{
    static const struct {
        char suffix;
        time_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'y', (time_t) 365 * 86400}};
    time_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= LIFE_MAXIMUM_S; at++)
        value = value * 10 + (*at - '0');
    for (size_t i = 0; at != text && i < sizeof units / sizeof *units; i++) {
        if (at[0] != units[i].suffix || at[1] != '\0')
            continue;
        if (value > LIFE_MAXIMUM_S / units[i].seconds || value * units[i].seconds < minimum_s)
            break;
        *seconds = value * units[i].seconds;
        return true;
    }
    return error_set(error, ERROR_INVALID,
                     "\"%.60s\" must be a time from %llds to 100y, such as 30s, 12h, 7d or 1y", text,
                     (long long) minimum_s);
}

/* Reads one option; NULL leaves the default. */
static bool read_life(const char *name, const char *text, time_t minimum_s, struct error *error,
                      time_t *seconds)
{
    return !text || certs_options_parse_life(text, minimum_s, error, seconds) ||
           error_prefix(error, "--%s", name);
}

bool certs_options_policy(const struct certs_options *options, struct error *error,
                          struct rotation_policy *result)
{
    struct rotation_policy policy = {.algorithm = KEY_ECDSA_P256,
                                     .authority_life_s = ROTATION_AUTHORITY_LIFE_S,
                                     .leaf_life_s = ROTATION_LEAF_LIFE_S,
                                     .propagation_s = ROTATION_PROPAGATION_S};
    if (options->algorithm && !key_algorithm_parse(options->algorithm, error, &policy.algorithm))
        return error_prefix(error, "--certificate-algorithm");
    if (!read_life("certificate-life", options->life, 1, error, &policy.leaf_life_s) ||
        !read_life("authority-life", options->authority_life, 1, error, &policy.authority_life_s) ||
        !read_life("certificate-propagation", options->propagation, 0, error, &policy.propagation_s) ||
        !rotation_policy_check(&policy, error))
        return false;
    *result = policy;
    return true;
}

bool certs_options_names(const struct certs_options *options, const char *namespace_name, struct error *error,
                         struct certificate_names *result)
{
    struct certificate_names names = {0};
    bool is_added = certificate_names_add_service(
        &names, certs_option_or(options->service, CERTS_DEFAULT_NAME), namespace_name,
        certs_option_or(options->cluster_domain, CERTS_DEFAULT_CLUSTER_DOMAIN), error);
    for (size_t i = 0; is_added && i < options->name_count; i++)
        is_added =
            certificate_names_add(&names, options->names[i], error) || error_prefix(error, "--dns-name");
    if (!is_added) {
        certificate_names_done(&names);
        return false;
    }
    *result = names;
    return true;
}
