#include "kubernetes/line_splitter.h"

#include <string.h>

void line_splitter_done(struct line_splitter *splitter)
{
    buffer_done(&splitter->pending);
}

static bool append_pending(struct line_splitter *splitter, const char *data, size_t length,
                           struct error *error)
{
    buffer_append(&splitter->pending, data, length);
    return buffer_check(&splitter->pending, error) || error_prefix(error, "line");
}

bool line_splitter_feed(struct line_splitter *splitter, const char *data, size_t length,
                        bool (*line)(void *context, const char *text, size_t length, struct error *error),
                        void *context, struct error *error)
{
    struct buffer *pending = &splitter->pending;
    while (length) {
        const char *end = memchr(data, '\n', length);
        if (!end)
            return append_pending(splitter, data, length, error);
        size_t piece = (size_t) (end - data);
        /* A line that came in one piece, the usual case, is not copied. */
        bool is_whole = pending->length == 0 && piece <= pending->maximum;
        if (!is_whole && !append_pending(splitter, data, piece, error))
            return false;
        const char *text = is_whole ? data : buffer_string(pending);
        size_t text_length = is_whole ? piece : pending->length;
        if (text_length && !line(context, text, text_length, error))
            return false;
        buffer_clear(pending);
        if (pending->reserved > LINE_SPLITTER_KEPT_BYTES)
            buffer_done(pending);
        data += piece + 1;
        length -= piece + 1;
    }
    return true;
}
