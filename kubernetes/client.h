/* A client of one API server: requests in, JSON or a mapped error out. Any number of threads may use one
 * client at the same time; each request runs on a kept-alive connection of its own. The library reads no
 * clock but for time limits, logs nothing, and keeps no global state: the program's main calls
 * curl_global_init once before the first client and curl_global_cleanup after the last.
 *
 * How answers become errors: 400, 422 INVALID; 401, 403 PERMISSION_DENIED; 404 NOT_FOUND; 409 ALREADY_EXISTS
 * or CONFLICT, by reason; 410 GONE; 413 TOO_LARGE; 408, 504 TIMEOUT; 429 and other 5xx UNAVAILABLE; any other
 * status INTERNAL. No connection, TLS failure, connection lost: UNAVAILABLE. An answer that is no JSON, or is
 * cut: UNAVAILABLE. The message is the API server's, with method and path in front.
 *
 * Not for: watching (kubernetes/reflector.h). Typed calls: kubernetes/objects.h.
 */
#pragma once

#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/error.h"
#include "kubernetes/cancellation.h"
#include "kubernetes/configuration.h"

#include <cjson/cJSON.h>
#include <stdint.h>

/* Bounds that hold when the options leave a field 0. */
#define KUBERNETES_RESPONSE_BYTES (32u * 1024 * 1024)
#define KUBERNETES_TIME_LIMIT_MS 30000u
#define KUBERNETES_CONNECT_LIMIT_MS 10000u
#define KUBERNETES_JSON_DEPTH 128u

/* One finished HTTP request, retries counted one by one, watches included. Strings live for the call. */
struct kubernetes_observation {
    const char *verb;     /* get, list, watch, create, update, patch, delete */
    const char *resource; /* "pods", "pods/status"; "" for a bare path */
    long status;          /* 0: no answer */
    enum error_code code; /* ERROR_NONE: success */
    uint64_t duration_ns;
};

struct kubernetes_client_options {
    const char *user_agent; /* "openshell-driver-pods/0.1.0"; NULL: "openshell" */
    size_t response_bytes;  /* largest answer; 0: KUBERNETES_RESPONSE_BYTES */
    unsigned time_limit_ms; /* of a call with its retries; 0: KUBERNETES_TIME_LIMIT_MS */
    /* Called after each request on the thread that made it, several threads at once. NULL: nobody watches. */
    void (*observe)(void *context, const struct kubernetes_observation *observation);
    void *observe_context;
};

struct kubernetes_client;

/* Takes the configuration over, also when it fails. `options` NULL: defaults. Makes no connection. Fails with
 * ERROR_INVALID, ERROR_IO (a credential file), ERROR_NO_MEMORY. The caller owns `*client`. */
bool kubernetes_client_new(struct kubernetes_configuration *configuration,
                           const struct kubernetes_client_options *options, struct error *error,
                           struct kubernetes_client **client) _warn_unused_result_;

/* After every call and every reflector and lease on it has ended. Accepts NULL. */
void kubernetes_client_free(struct kubernetes_client *client);
DEFINE_POINTER_CLEANUP(struct kubernetes_client *, kubernetes_client_free)

/* Where the client speaks to; the client's, never NULL but for the fields that may be. No secrets in it to
 * print: use `source`, `server` and `namespace_name` alone. */
const struct kubernetes_configuration *
kubernetes_client_configuration(const struct kubernetes_client *client);

/* What else an answer said. Filled as far as known whether the call succeeds or fails. */
struct kubernetes_answer {
    long status;            /* HTTP status of the last attempt; 0: no answer */
    char reason[64];        /* Status.reason, such as "AlreadyExists"; "" when there was none */
    bool has_causes;        /* Status.details.causes was there: validation, not a patch that does not apply */
    unsigned retry_after_s; /* Retry-After; 0: none */
    bool was_sent;          /* the server may have acted; false: no connection came about */
    unsigned attempts;
};

/* How to make a call; zeroed: the client's defaults. */
struct kubernetes_call {
    unsigned time_limit_ms;                  /* for all attempts together; 0: the client's */
    const struct cancellation *cancellation; /* NULL: cannot be cancelled */
    bool is_single_attempt;                  /* never retried */
    bool is_dry_run;                         /* dryRun=All; for calls that write */
    struct kubernetes_answer *answer;        /* NULL: not wanted */
};

/* A request that no function of kubernetes/objects.h makes. */
struct kubernetes_request {
    const char *method; /* GET, POST, PUT, PATCH, DELETE */
    const char *path;   /* from kubernetes_target_append_path, or such as /version */
    const char *query;  /* encoded, without '?'; NULL or "": none */
    const char *body;   /* NULL: none */
    size_t body_length;
    const char *content_type; /* NULL: application/json */
    const char *accept;       /* NULL: application/json */
    bool is_idempotent;       /* may be sent again when it is not known whether the first was carried out */
    const char *verb;         /* for the observation */
    const char *resource;     /* for the observation; NULL: "" */
};

/* Sends it, retrying as kubernetes/retry.h says, and appends a 2xx answer's body to `body` (cleared before
 * each attempt; its maximum bounds the answer too). `call` NULL: defaults. Errors as above; ERROR_TIMEOUT and
 * ERROR_CANCELLED leave open whether the server acted. A request that is not idempotent is sent at most once
 * unless the server refused it unseen (429, no connection). */
bool kubernetes_client_request(struct kubernetes_client *client, const struct kubernetes_request *request,
                               const struct kubernetes_call *call, struct error *error,
                               struct buffer *body) _warn_unused_result_;

/* The same, with the answer parsed; the caller owns `*value`. NULL for `value`: parsed by nobody. */
bool kubernetes_client_request_json(struct kubernetes_client *client,
                                    const struct kubernetes_request *request,
                                    const struct kubernetes_call *call, struct error *error,
                                    cJSON **value) _warn_unused_result_;
