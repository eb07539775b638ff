/* An HTTP/1.1 response as it arrives: where it ends, its status and the length of its body, by Content-Length
 * or in chunks (which Go sends). Not for: anything but the benchmarks' own servers.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>

#define HTTP_RESPONSE_BYTES (64u * 1024)

struct http_response {
    char bytes[HTTP_RESPONSE_BYTES + 1];
    size_t length;        /* received */
    size_t header_length; /* 0: the header is not complete */
    unsigned status;
    bool is_chunked;
    size_t body_length; /* of a chunked response: of the chunks so far */
    size_t next_chunk;  /* where the next chunk's size stands */
};

void http_response_clear(struct http_response *response);

/* Takes note of `length` bytes that were put at bytes + length. `*is_complete` tells whether the response has
 * ended there. ERROR_INVALID when it is none, ERROR_TOO_LARGE when it is too long. */
bool http_response_advance(struct http_response *response, size_t length, struct error *error,
                           bool *is_complete) _warn_unused_result_;
