/* The parts of `doctor`: what is asked of the cluster, in what order. What the answers mean is in
 * doctor_judge.h and doctor_probe.h. Private to doctor*.c.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"
#include "webhook/commands/checkup.h"
#include "webhook/commands/command_line.h"

/* Longest time for one question. */
#define DOCTOR_QUESTION_LIMIT_MS 15000u
/* Longest time for one of the two pods: enough for two webhooks that each take the 30 s they may at most. */
#define DOCTOR_POD_LIMIT_MS 65000u

#define DOCTOR_DEFAULT_NAMESPACE "openshell"

struct doctor {
    const struct command_line *line;
    const struct configuration *configuration;
    const char *namespace_name; /* of the sandboxes */
    struct kubernetes_client *client;
    cJSON *namespace_object; /* owned; NULL: could not be read, or does not exist */
    bool lacks_namespace;    /* it does not exist */
    struct checkup checkup;
};

typedef bool doctor_getter(struct kubernetes_client *client, const struct kubernetes_target *target,
                           const struct kubernetes_call *call, struct error *error, cJSON **object);

/* Gets an object, or with kubernetes_get_metadata its metadata. True with `*object` NULL: it does not exist.
 * False: the answer is something else, and stands as the check `check` in the list. The caller owns it. */
bool doctor_ask(struct doctor *doctor, const char *check, const struct kubernetes_target *target,
                doctor_getter *get, cJSON **object) _warn_unused_result_;

/* Adds `check`: a right is missing. `namespace_name` may be NULL. */
void doctor_report_missing_right(struct doctor *doctor, const char *check, const char *verb,
                                 const struct kubernetes_resource *resource, const char *namespace_name);

/* Whether there is an API server and which; false: none answers, and nothing more can be asked. */
bool doctor_ask_version(struct doctor *doctor) _warn_unused_result_;

/* The sandboxes' namespace and the Secrets in it. */
void doctor_ask_namespace(struct doctor *doctor);

/* Registrations, Service, policies. */
void doctor_ask_registrations(struct doctor *doctor);
void doctor_ask_policies(struct doctor *doctor);

/* The two pods. */
void doctor_try_pods(struct doctor *doctor);
