/* Scope-bound ownership of what libcurl hands out. Internal to kubernetes/.
 */
#pragma once

#include "common/cleanup.h"

#include <curl/curl.h>

DEFINE_POINTER_CLEANUP(CURLU *, curl_url_cleanup)

/* For strings that are freed by curl_free. */
__attribute__((unused)) static inline void curl_freep(char **string)
{
    curl_free(*string);
}
