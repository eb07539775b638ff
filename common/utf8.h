/* UTF-8, as far as a parser of foreign bytes needs it: is this text valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The length, 1 to 4, of the valid sequence that `text` starts with; 0 when it starts with none or `length`
 * is 0. */
size_t utf8_sequence_length(const char *text, size_t length);

/* True when the bytes are UTF-8: no overlong form, no surrogate, nothing past U+10FFFF. NUL is valid here. */
bool utf8_is_valid(const char *text, size_t length);
