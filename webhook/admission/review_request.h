/* The request inside an AdmissionReview, checked. For webhook/admission/ and for those who record its
 * decisions. */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>

struct review_request {
    cJSON *review;              /* the whole tree; owned */
    const char *uid;            /* the rest points into it */
    const char *operation;      /* CREATE, UPDATE, DELETE, CONNECT */
    const char *sub_resource;   /* "" for the pod itself */
    const char *namespace_name; /* "" for none */
    const char *name;           /* the pod's, or its generateName; "" for none */
    const char *user_name;      /* "" when not given */
    const cJSON *user_groups;   /* may be NULL */
    bool is_dry_run;
    bool is_name_generated; /* `name` is the generateName */
    cJSON *object;          /* NULL: none (DELETE) */
    cJSON *old_object;      /* NULL: none (CREATE) */
};

/* Parses and checks: an AdmissionReview v1 with a request that has a uid and is about v1 Pods. On failure
 * ERROR_INVALID or ERROR_TOO_LARGE with the field. The caller releases it with review_request_done. */
bool review_request_parse(const char *body, size_t length, struct error *error,
                          struct review_request *request) _warn_unused_result_;

/* Accepts a zeroed struct. */
void review_request_done(struct review_request *request);
