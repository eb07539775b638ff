#include "common/http_answer.h"

static bool add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type) != MHD_YES)
        return false;
    if (answer->allow && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow) != MHD_YES)
        return false;
    return !answer->is_last ||
           MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
}

bool http_answer_send(struct http_connection *connection, const struct http_answer *answer)
{
    enum MHD_ResponseMemoryMode mode = answer->is_copied ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT;
    /* libmicrohttpd's parameter is not const, but with these modes it never writes. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->length, (void *) (uintptr_t) answer->body, mode);
    if (!response)
        return false;
    bool is_queued = add_headers(response, answer) &&
                     MHD_queue_response(connection->connection, answer->status, response) == MHD_YES;
    MHD_destroy_response(response);
    return is_queued;
}

void http_answer_append(const struct http_answer *answer, struct buffer *text)
{
    buffer_append_format(text, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                         answer->status, MHD_get_reason_phrase_for(answer->status), answer->content_type,
                         answer->length);
    if (answer->allow)
        buffer_append_format(text, "Allow: %s\r\n", answer->allow);
    buffer_append_string(text, answer->is_last ? "Connection: close\r\n\r\n" : "\r\n");
    buffer_append(text, answer->body, answer->length);
}
