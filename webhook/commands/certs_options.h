/* What the certificates of an installation are like, as options of `serve` and `certs` say it: lives,
 * algorithm, names. Not for: reading command lines.
 */
#pragma once

#include "certs/names.h"
#include "certs/rotation.h"

#include <stddef.h>

/* Most --dns-name. */
#define CERTS_DNS_NAMES 32

#define CERTS_DEFAULT_NAME "openshell-injector"
#define CERTS_DEFAULT_SECRET "openshell-injector-authorities"
#define CERTS_DEFAULT_LEASE "openshell-injector-certificates"
#define CERTS_DEFAULT_CLUSTER_DOMAIN "cluster.local"

/* As given; NULL: the default. Strings belong to argv. */
struct certs_options {
    const char *namespace_name; /* NULL: the kubeconfig's or the pod's own */
    const char *service;
    const char *secret;
    const char *lease;
    const char *mutating_configuration;
    const char *validating_configuration;
    const char *cluster_domain;
    const char *algorithm;
    const char *life; /* of a serving certificate */
    const char *authority_life;
    const char *propagation;
    const char *names[CERTS_DNS_NAMES]; /* beside the Service's */
    size_t name_count;
};

/* The value, or its default. */
const char *certs_option_or(const char *value, const char *fallback);

/* Reads "20s", "30m", "12h", "7d", "1y" (365 days), at least `minimum_s`. ERROR_INVALID. */
bool certs_options_parse_life(const char *text, time_t minimum_s, struct error *error,
                              time_t *seconds) _warn_unused_result_;

/* The policy that the options ask for. ERROR_INVALID that names the option. */
bool certs_options_policy(const struct certs_options *options, struct error *error,
                          struct rotation_policy *policy) _warn_unused_result_;

/* The names of a serving certificate: the Service's and the additional ones. The caller owes
 * certificate_names_done. */
bool certs_options_names(const struct certs_options *options, const char *namespace_name, struct error *error,
                         struct certificate_names *names) _warn_unused_result_;
