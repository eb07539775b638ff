/* What `certs status` knows, as JSON; the table is made from it. */
#pragma once

#include "webhook/commands/certs.h"

/* Builds {"authorities": [...], "serving": {...}, "lease": {...}, "webhooks": [...]}; what there is none of
 * is absent. `served`: what certs_place_read_serving has found, NULL for nothing. The caller owns `*report`.
 */
bool certs_report_make(const struct certs_place *place, const struct certs_line *line,
                       const certificate_list *served, time_t now, struct error *error,
                       cJSON **report) _warn_unused_result_;

/* Appends the same for people. */
void certs_report_append_table(const cJSON *report, struct buffer *output);
