#include "tests/bench/http_response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void http_response_clear(struct http_response *response)
{
    response->length = response->header_length = response->body_length = 0;
}

/* The value of a header field; NULL when it is not there. */
static const char *find_field(const char *header, const char *name)
{
    const char *line = strstr(header, "\r\n");
    size_t length = strlen(name);
    while (line && strncmp(line, "\r\n\r\n", 4) != 0) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
        line = strstr(line, "\r\n");
    }
    return NULL;
}

static bool read_header(struct http_response *response, struct error *error)
{
    const char *end = strstr(response->bytes, "\r\n\r\n");
    if (!end)
        return true;
    response->header_length = (size_t) (end - response->bytes) + 4;
    if (strncmp(response->bytes, "HTTP/1.1 ", 9) != 0)
        return error_set(error, ERROR_INVALID, "not an HTTP/1.1 response");
    response->status = (unsigned) strtoul(response->bytes + 9, NULL, 10);
    const char *encoding = find_field(response->bytes, "transfer-encoding");
    const char *length = find_field(response->bytes, "content-length");
    response->is_chunked = encoding && strncasecmp(encoding, "chunked", 7) == 0;
    if (!response->is_chunked && !length)
        return error_set(error, ERROR_INVALID, "a response without a length");
    response->body_length = response->is_chunked ? 0 : strtoul(length, NULL, 10);
    response->next_chunk = response->header_length;
    return true;
}

/* Goes over the chunks that are there as a whole; the last one is empty. */
static bool read_chunks(struct http_response *response)
{
    for (;;) {
        const char *start = response->bytes + response->next_chunk;
        const char *line_end = strstr(start, "\r\n");
        if (!line_end)
            return false;
        size_t size = strtoul(start, NULL, 16);
        size_t end = (size_t) (line_end - response->bytes) + 2 + size + 2;
        if (size > HTTP_RESPONSE_BYTES || end > response->length)
            return false;
        response->body_length += size;
        response->next_chunk = end;
        if (size == 0)
            return true;
    }
}

bool http_response_advance(struct http_response *response, size_t length, struct error *error,
                           bool *is_complete)
{
    response->length += length;
    response->bytes[response->length] = '\0';
    if (response->header_length == 0 && !read_header(response, error))
        return false;
    if (response->header_length == 0)
        *is_complete = false;
    else if (response->is_chunked)
        *is_complete = read_chunks(response);
    else
        *is_complete = response->length >= response->header_length + response->body_length;
    if (!*is_complete && response->length == HTTP_RESPONSE_BYTES)
        return error_set(error, ERROR_TOO_LARGE, "a response of more than %u bytes", HTTP_RESPONSE_BYTES);
    return true;
}
