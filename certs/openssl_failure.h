/* OpenSSL's failures as errors of ours. Internal to certs/.
 */
#pragma once

#include "common/error.h"

/* Sets `code` and "<what>: <OpenSSL's first reason>", or ERROR_NO_MEMORY when that was the reason, and
 * empties OpenSSL's queue of errors; returns false. */
bool openssl_set_failure(struct error *error, enum error_code code, const char *what);
