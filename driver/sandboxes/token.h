/* Reads when a sandbox token was issued and when it ends, without checking who signed it: the gateway does
 * that. Not for: keeping tokens (record.h) or renewing them (renewal.h).
 */
#pragma once

#include "common/error.h"

#include <stdint.h>

struct token_times {
    int64_t issued_s;  /* Unix time; 0: the token does not say */
    int64_t expires_s; /* 0: never */
};

/* ERROR_INVALID when it is no JWT whose payload can be read; the message never quotes it. */
bool token_read_times(const char *token, struct error *error, struct token_times *times) _warn_unused_result_;

/* When to renew: at 80 % of the token's life; 0: never. */
int64_t token_renewal_time(const struct token_times *times);
