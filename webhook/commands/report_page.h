/* The report as one HTML file: page.html of webhook/audit/report with its {{marks}} filled, style and script
 * inside, and a content security policy that allows nothing but these two. Not for: counting (report_data.h).
 */
#pragma once

#include "webhook/commands/report_data.h"

#include <stdio.h>
#include <time.h>

/* What is known about the chain, as a class of the style (chain, unsigned, broken) and sentences. */
struct report_chain {
    const char *state; /* "intact", "unsigned" or "broken" */
    const char *title;
    const char *text; /* lines */
};

/* Writes the page. ERROR_IO when the file takes no more, ERROR_NO_MEMORY. */
bool report_page_write(const struct report_data *data, const struct report_chain *chain,
                       const char *directory, time_t now, FILE *file,
                       struct error *error) _warn_unused_result_;
