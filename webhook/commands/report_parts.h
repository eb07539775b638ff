/* The parts of a report's page that are tables, charts and lists. Private to report_*.c. */
#pragma once

#include "webhook/commands/report_data.h"

/* Rows of a table; the rest is counted. */
#define REPORT_TABLE_ROWS 12
/* Most bars of the chart. */
#define REPORT_BARS 72

/* A table of names, the most frequent first. `first` heads the column of names; `is_code` shows
 * them in a fixed width. */
bool report_append_table(struct buffer *html, const struct report_tally *tally, const char *first,
                         bool is_code, struct error *error) _warn_unused_result_;

/* Decisions over time, as a stacked bar chart. */
bool report_append_timeline(struct buffer *html, const struct report_data *data,
                            struct error *error) _warn_unused_result_;

/* The newest decisions with every operation, for readers without JavaScript. */
bool report_append_newest(struct buffer *html, const struct report_data *data,
                          struct error *error) _warn_unused_result_;
