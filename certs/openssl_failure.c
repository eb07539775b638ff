#include "certs/openssl_failure.h"

#include <openssl/err.h>

bool openssl_set_failure(struct error *error, enum error_code code, const char *what)
{
    /* The first entry is the cause; those after it tell who passed it on. */
    const char *reason = NULL;
    bool is_memory = false;
    for (unsigned long failure; (failure = ERR_get_error()) != 0;) {
        is_memory = is_memory || ERR_GET_REASON(failure) == ERR_R_MALLOC_FAILURE;
        if (!reason)
            reason = ERR_reason_error_string(failure);
    }
    if (is_memory)
        return error_set_no_memory(error);
    return reason ? error_set(error, code, "%s: %s", what, reason) : error_set(error, code, "%s", what);
}
