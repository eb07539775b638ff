/* What `doctor` makes of the answers of the API server: each function looks at what was read and adds its
 * checks, whose names are stable. Pure: nothing here asks the cluster or reads a clock.
 *
 * Not for: asking (doctor.h).
 */
#pragma once

#include "webhook/commands/checkup.h"
#include "webhook/injection/configuration.h"

#include <cjson/cJSON.h>
#include <time.h>

/* The answer of /version: whether this Kubernetes has what the product and this configuration need (contract
 * J.24). Adds `kubernetes-version`, and with the options that need them `image-volumes`, `native-sidecar`,
 * `user-namespaces`, `app-armor-profile`. */
void doctor_judge_version(const cJSON *version, const struct configuration *configuration,
                          struct checkup *checkup);

struct registration_request {
    bool is_mutating;
    const char *name;              /* of the object */
    const cJSON *object;           /* NULL: it does not exist */
    const char *sandbox_namespace; /* which must be selected */
    const cJSON *namespace_labels; /* of that namespace, an object; NULL: not known */
    time_t now;
};

/* A Mutating- or ValidatingWebhookConfiguration, compared with manifests/base where it matters. Ours are the
 * webhooks that call /mutate or /validate; others in the object are passed over. Adds `mutating-webhook` or
 * `validating-webhook`, and `.failure-policy`, `.rules`, ... behind that name. */
void doctor_judge_registration(const struct registration_request *request, struct checkup *checkup);

/* The Service that our first webhook of the object calls; false when none is ours, or it is found by URL.
 * The texts stay the object's. */
bool doctor_find_service(const cJSON *object, bool is_mutating, const char **namespace_name,
                         const char **name);

/* The Service's EndpointSlices, an array. Adds `service`. */
void doctor_judge_endpoints(const cJSON *slices, const char *namespace_name, const char *name,
                            struct checkup *checkup);

/* One policy of manifests/policy and the binding of its name. */
struct policy_request {
    const char *check;             /* its name */
    const char *name;              /* of both objects */
    bool is_about_bindings;        /* of pods to nodes, and not about the sandboxes' pods */
    const char *consequence;       /* of its absence */
    const char *sandbox_namespace; /* where it must be in force */
    const cJSON *namespace_labels; /* of that namespace, an object; NULL: not known */
    const cJSON *policy;           /* NULL: it does not exist */
    const cJSON *binding;          /* NULL: it does not exist */
};

/* Whether the policy is in force, for all that it must be. Nothing worse than a warning: the webhook does not
 * need it. */
void doctor_judge_policy(const struct policy_request *request, struct checkup *checkup);

/* The namespace of the sandboxes; NULL: it does not exist. Adds `namespace` and, if it exists,
 * `namespace.pod-security`. */
void doctor_judge_namespace(const cJSON *object, const char *name, const struct configuration *configuration,
                            struct checkup *checkup);

struct secret_request {
    const char *check;  /* its name */
    const char *option; /* of the configuration, that names the Secret */
    const char *namespace_name;
    const char *name;
    const char *const *keys; /* that it must have, ended by NULL */
    const cJSON *object;     /* its metadata alone; NULL: it does not exist */
};

/* The keys are told from managedFields, so that no value is ever read. */
void doctor_judge_secret(const struct secret_request *request, struct checkup *checkup);
