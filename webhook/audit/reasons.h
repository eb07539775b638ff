/* Why an operation of a recorded patch is there. Records do not say so, but the injection does: of sample
 * pods under each configuration of the log, and of the recorded pod itself where that is at hand. The same
 * place has the same reason in every pod.
 *
 * Not for: whether a decision would be the same again (audit/replay.h).
 */
#pragma once

#include "webhook/audit/decision_record.h"
#include "webhook/audit/key_index.h"
#include "webhook/audit/recorded_configurations.h"

#include <cjson/cJSON.h>

#define REASONS_KEYS_BYTES (4u * 1024 * 1024)

struct reasons {
    struct recorded_configurations configurations;
    struct key_index places;
    const char **texts; /* of each place; static texts of the injection; owned array */
    size_t reserved;
};

#define REASONS_INIT ((struct reasons){.places = KEY_INDEX_INIT(REASONS_KEYS_BYTES)})

/* Reads the configurations of the log in `directory`, and learns from sample pods under each. Errors as for
 * recorded_configurations_read. The caller owes reasons_done in any case. */
bool reasons_open(struct reasons *reasons, const char *directory, struct error *error) _warn_unused_result_;

/* Learns from sample pods under one configuration. What it does not inject teaches nothing. */
bool reasons_learn(struct reasons *reasons, const struct configuration *configuration,
                   struct error *error) _warn_unused_result_;

/* Learns from the decision's own pod when the samples do not have every operation of its patch (a pod that
 * another webhook has changed, say). `object`: as it came, not changed; NULL when it is not at hand. */
bool reasons_learn_decision(struct reasons *reasons, const struct audit_decision *decision,
                            const cJSON *object, const cJSON *patch,
                            struct error *error) _warn_unused_result_;

/* The reason for an operation of a patch ({"op", "path", "value"}), or NULL. Valid as long as the program. */
bool reasons_find(const struct reasons *reasons, const cJSON *operation, struct error *error,
                  const char **reason) _warn_unused_result_;

void reasons_done(struct reasons *reasons);
