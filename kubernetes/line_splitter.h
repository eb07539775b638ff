/* Cuts a stream into lines, wherever its pieces begin and end. Pure. Internal to kubernetes/.
 */
#pragma once

#include "common/buffer.h"

/* Memory kept for the next line; more, needed for one long line, is given back after it. */
#define LINE_SPLITTER_KEPT_BYTES (64u * 1024)

struct line_splitter {
    struct buffer pending; /* a line of which the end has not come yet */
};

/* Lines of at most `maximum_bytes`, without the line end. Needs line_splitter_done. */
#define LINE_SPLITTER_INIT(maximum_bytes) ((struct line_splitter){.pending = BUFFER_INIT(maximum_bytes)})

void line_splitter_done(struct line_splitter *splitter);

/* Calls `line` for each line that ends in `data`; empty ones are left out. Stops when it returns false, with
 * the error that was set. ERROR_TOO_LARGE for a longer line, ERROR_NO_MEMORY. After a failure the splitter is
 * only to be done. */
bool line_splitter_feed(struct line_splitter *splitter, const char *data, size_t length,
                        bool (*line)(void *context, const char *text, size_t length, struct error *error),
                        void *context, struct error *error) _warn_unused_result_;
