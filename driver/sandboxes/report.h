/* What the gateway is told about a sandbox: the conditions of contract/gateway-driver.md D. Pure.
 *
 * Only the transient reasons that the gateway knows are used for what may heal by itself; every other reason
 * ends the sandbox for good there.
 */
#pragma once

#include "driver/sandboxes/state.h"

#include "compute_driver.pb-c.h"

struct report_condition {
    const char *type;
    const char *status;
    const char *reason;
    char message[STATE_MESSAGE_BYTES];
    char since[TIME_BYTES];
};

#define REPORT_CONDITIONS 2

struct report {
    struct report_condition conditions[REPORT_CONDITIONS];
    size_t count;
    bool is_deleting;
};

/* Derives the report from a state whose record exists. `now_ns` is the monotonic clock, `patience_seconds`
 * how long a container may fail to start before that counts as final. */
void report_make(const struct sandbox_state *state, uint64_t now_ns, unsigned patience_seconds,
                 struct report *report);

/* True when the only thing that would change this report is time passing. */
bool report_awaits_time(const struct sandbox_state *state, uint64_t now_ns, unsigned patience_seconds);

/* A number that is the same for reports that are, so that events can be left out. */
uint64_t report_digest(const struct report *report);

/* Everything that a message about a sandbox points to. */
struct snapshot {
    Compute__DriverSandbox sandbox;
    Compute__DriverSandboxStatus status;
    Compute__DriverCondition conditions[REPORT_CONDITIONS];
    Compute__DriverCondition *condition_pointers[REPORT_CONDITIONS];
    char pod_name[LABEL_BYTES];
    struct report report;
    struct sandbox_state state;
};

/* Fills `snapshot->sandbox` from `snapshot->state`. The message points into the snapshot, which must not
 * move; nothing is allocated. */
void snapshot_make(struct snapshot *snapshot, const struct driver_configuration *configuration,
                   uint64_t now_ns);
