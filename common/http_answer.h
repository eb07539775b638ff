/* Sends one answer on a connection of an HTTP worker. Not for: streaming. */
#pragma once

#include "common/buffer.h"
#include "common/http_worker.h"

#include <stddef.h>

struct http_answer {
    unsigned status;
    const char *content_type;
    const char *body;
    size_t length;
    bool is_copied; /* false: `body` stays as it is until the request is completed or the connection closed */
    bool is_last;   /* answers with `Connection: close` */
    const char *allow; /* the Allow header of a 405; NULL: none */
};

/* Queues it, from `begin` or `finish`. False without memory, or when an answer was queued before: then the
 * connection is best closed. */
bool http_answer_send(struct http_connection *connection,
                      const struct http_answer *answer) _warn_unused_result_;

/* The same as the bytes of an answer, for `late`. */
void http_answer_append(const struct http_answer *answer, struct buffer *text);
