/* What the driver knows of one sandbox: a compact digest of its record and its pod, copied by value.
 *
 * Ten thousand of these are held in memory, so they carry what reports and decisions need and nothing else:
 * no spec, no token. Not for: how it is kept (registry.h).
 */
#pragma once

#include "common/error.h"
#include "driver/sandboxes/names.h"

#include <cjson/cJSON.h>
#include <stdint.h>

#define UID_BYTES 40
#define INSTANCE_BYTES 17 /* names a driver process: 16 hexadecimal digits */
#define STATE_MESSAGE_BYTES 200
#define ADDRESS_BYTES 46
#define TIME_BYTES 24

/* What the record's annotation asks for. */
enum desired_state { DESIRED_RUNNING, DESIRED_STOPPED, DESIRED_DELETED };

struct record_state {
    bool exists;
    char uid[UID_BYTES];
    uint64_t version; /* metadata.resourceVersion; 0: unknown */
    enum desired_state desired;
    bool is_creating; /* the create has not ended: the gateway does not know the sandbox yet */
    /* The driver process whose create or start of the sandbox has not ended, "" when there is none. */
    char starting_by[INSTANCE_BYTES];
    bool is_from_start;      /* this driver found the record when it started */
    bool is_refused;         /* its create failed for the gateway: it is creating, whatever the record says */
    int64_t token_issued_s;  /* Unix time; 0: unknown */
    int64_t token_expires_s; /* 0: never */
};

enum pod_phase {
    POD_PENDING, /* waiting for a node, volumes, images, or its containers */
    POD_RUNNING, /* the agent and all that must run beside it do */
    POD_ENDED,   /* Succeeded or Failed */
    POD_BLOCKED, /* a container cannot be started for now: a failing pull, a missing secret */
};

struct pod_state {
    bool exists;
    char uid[UID_BYTES];
    uint64_t version;
    enum pod_phase phase;
    bool is_deleting;
    bool is_pull_failure;   /* POD_BLOCKED: by an image pull */
    char since[TIME_BYTES]; /* RFC 3339, of what the phase says; may be empty */
    char address[ADDRESS_BYTES];
    char message[STATE_MESSAGE_BYTES];
    uint64_t blocked_since_ns; /* monotonic; 0: it is not */
};

struct sandbox_state {
    char id[SANDBOX_ID_BYTES];
    char name[SANDBOX_NAME_BYTES];
    char workspace[SANDBOX_NAME_BYTES];
    char namespace_name[LABEL_BYTES];
    struct record_state record;
    struct pod_state pod;
};

/* Reads the labels that say which sandbox an object belongs to, and its namespace, into `state`, which is
 * cleared before. False: it is no object of ours, or its labels are not what we write. */
bool state_read_identity(const cJSON *object, struct sandbox_state *state) _warn_unused_result_;

/* The numeric metadata.resourceVersion, 0 when it is none. */
uint64_t state_read_version(const cJSON *object);

/* Copies text into a field of `size` bytes, cutting it between characters when it is too long. */
void state_copy_text(char *field, size_t size, const char *text);
