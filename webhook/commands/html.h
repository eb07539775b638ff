/* Text in HTML, escaped. Every name in a report comes from somebody else. */
#pragma once

#include "common/buffer.h"

/* Appends text for an element or a quoted attribute: what has a meaning in HTML is escaped, control
 * characters become U+FFFD. Returns what the last append does. */
bool html_append_text(struct buffer *buffer, const char *text);

/* Appends a number with a comma between thousands. Returns what the last append does. */
bool html_append_count(struct buffer *buffer, size_t count);

/* Appends JSON for a <script> that holds data: `<` is written as an escape, which JSON reads as the same, so
 * that no text in it can end the element. */
bool html_append_json(struct buffer *buffer, const char *json, size_t length);
