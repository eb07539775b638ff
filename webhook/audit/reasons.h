/* Why an operation of a recorded patch is there, when the pod it was made for is not at hand: the injection
 * of a sample pod under the same configuration gives every operation's reason, and the same place has the
 * same reason in every pod.
 *
 * Not for: decisions on pods that are at hand; replay them and have the exact reasons (audit/replay.h).
 */
#pragma once

#include "webhook/audit/key_index.h"
#include "webhook/injection/configuration.h"

#include <cjson/cJSON.h>

#define REASONS_KEYS_BYTES (4u * 1024 * 1024)

struct reasons {
    struct key_index places;
    const char **texts; /* of each place; static texts of the injection; owned array */
    size_t reserved;
};

#define REASONS_INIT ((struct reasons){.places = KEY_INDEX_INIT(REASONS_KEYS_BYTES)})

/* Learns from sample pods. What cannot be injected under the configuration teaches nothing. */
bool reasons_learn(struct reasons *reasons, const struct configuration *configuration,
                   struct error *error) _warn_unused_result_;

/* The reason for an operation of a patch ({"op", "path", "value"}), or NULL. Valid as long as the program. */
bool reasons_find(const struct reasons *reasons, const cJSON *operation, struct error *error,
                  const char **reason) _warn_unused_result_;

void reasons_done(struct reasons *reasons);
