/* A strict scan over JSON text (RFC 8259) before cJSON sees it; see common/json.h for what cJSON would let
 * pass. Private to common/: everybody else calls json_parse.
 */
#pragma once

#include "common/json.h"

/* The text of a number that a double may not hold exactly. */
struct json_number {
    size_t ordinal; /* the how manieth number of the text it is, from 0 */
    const char *text;
    size_t length;
};

struct json_scan {
    struct json_number *numbers; /* in the order of the text; owned (free) */
    size_t number_count;
};

/* Checks the whole text and lists the numbers to keep as text. */
bool json_scan_text(const char *text, size_t length, const struct json_limits *limits, struct error *error,
                    struct json_scan *scan) _warn_unused_result_;
