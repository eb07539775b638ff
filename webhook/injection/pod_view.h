/* A pod's parts, found once and checked for shape: after pod_view_open every list is a list of objects, every
 * name a string, so that the rules and the plan read fields without asking again. Unknown fields are left
 * alone. Not for: rules about values (pod_rules.h and its kin).
 */
#pragma once

#include "common/json.h"

/* Longest list of containers, volumes, variables or mounts; the time that one pod can cost grows with these.
 */
#define POD_LIST_ELEMENTS 4096

/* The older way to give the container that is named behind it an App Armor profile. The API server makes the
 * field of it where that is not set. */
#define ANNOTATION_APP_ARMOR "container.apparmor.security.beta.kubernetes.io/"

struct pod_view {
    cJSON *pod;
    cJSON *metadata;    /* may be NULL */
    cJSON *labels;      /* may be NULL */
    cJSON *annotations; /* may be NULL */
    cJSON *spec;
    cJSON *containers;      /* at least one element */
    cJSON *init_containers; /* may be NULL */
    cJSON *volumes;         /* may be NULL */
};

/* Paths of the parts, for messages and patches. */
extern const struct json_path pod_path_metadata;
extern const struct json_path pod_path_labels;
extern const struct json_path pod_path_annotations;
extern const struct json_path pod_path_spec;
extern const struct json_path pod_path_containers;
extern const struct json_path pod_path_init_containers;
extern const struct json_path pod_path_volumes;

/* Fails with ERROR_INVALID naming the field that has the wrong type, ERROR_TOO_LARGE naming a list past
 * POD_LIST_ELEMENTS. */
bool pod_view_open(cJSON *pod, struct error *error, struct pod_view *view) _warn_unused_result_;

/* The element of `list` (may be NULL) whose "name" is `name`, and its index; NULL when there is none. */
cJSON *pod_find_named(const cJSON *list, const char *name, size_t *index);

/* The boolean member is there and true / there and false. */
bool pod_is_true(const cJSON *object, const char *key);
bool pod_is_false(const cJSON *object, const char *key);
