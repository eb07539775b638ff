/* Any bytes as the stream of a watch, cut into pieces in two ways. What must hold: the same events come
 * however the stream is cut, and each has an object and a place to resume from. */
#include "common/cleanup.h"
#include "common/json.h"
#include "kubernetes/line_splitter.h"
#include "kubernetes/watch_event.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096u
#define LOG_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool write_down(void *context, const char *text, size_t length, struct error *error)
{
    struct buffer *log = context;
    struct watch_event event = {0};
    if (!watch_event_parse(text, length, error, &event))
        return false;
    if (!cJSON_IsObject(event.object) || (event.type != WATCH_ERROR && !event.resource_version))
        abort();
    _cleanup_(freep) char *object = NULL;
    if (!json_print(event.object, false, error, &object))
        abort();
    buffer_append_format(log, "%d %s\n", (int) event.type, object);
    watch_event_done(&event);
    return true;
}

/* The events of the stream in pieces of `piece` bytes, and how it ended. */
static void follow(const char *stream, size_t length, size_t piece, struct buffer *log)
{
    struct line_splitter splitter = LINE_SPLITTER_INIT(LINE_BYTES);
    struct error error = {0};
    bool is_taken = true;
    for (size_t at = 0; is_taken && at < length; at += piece)
        is_taken = line_splitter_feed(&splitter, stream + at, length - at < piece ? length - at : piece,
                                      write_down, log, &error);
    if (!is_taken)
        buffer_append_format(log, "%s: %s\n", error_code_name(error.code), error.message);
    line_splitter_done(&splitter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *stream = (const char *) data + 1;
    _cleanup_(buffer_done) struct buffer whole = BUFFER_INIT(LOG_BYTES);
    _cleanup_(buffer_done) struct buffer pieces = BUFFER_INIT(LOG_BYTES);
    follow(stream, size - 1, size, &whole);
    follow(stream, size - 1, 1 + data[0] % 16u, &pieces);
    struct error error;
    if (!buffer_check(&whole, &error) || !buffer_check(&pieces, &error) ||
        strcmp(buffer_string(&whole), buffer_string(&pieces)) != 0)
        abort();
    return 0;
}
