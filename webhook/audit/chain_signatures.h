/* Checkpoints and key rotations on the way through a chain. Private to webhook/audit/. */
#pragma once

#include "webhook/audit/chain_check.h"

/* Looks at the record, which stands at `sequence` behind `check->last`, and follows the key from there. False
 * with what is wrong; true also for records of other types. */
bool chain_signatures_check(struct chain_check *check, const cJSON *record, const char *type,
                            uint64_t sequence, struct error *error) _warn_unused_result_;
