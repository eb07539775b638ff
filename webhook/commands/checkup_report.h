/* How a checkup is shown. */
#pragma once

#include "common/buffer.h"
#include "webhook/commands/checkup.h"

#include <stdio.h>

/* For people: a table, advice under what is not ok, and totals. Fails as text_table_add does. */
bool checkup_report_print_table(const struct checkup *checkup, FILE *file, bool is_coloured,
                                struct error *error) _warn_unused_result_;

/* One JSON object on a line: {"checks": [{"name", "result", "message", "advice"}]}; no advice is null. */
void checkup_report_append_json(const struct checkup *checkup, struct buffer *buffer);
