/* UTF-8, as far as a parser of foreign bytes needs it: is this text valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True when the bytes are UTF-8: no overlong form, no surrogate, nothing past U+10FFFF. NUL is valid here. */
bool utf8_is_valid(const char *text, size_t length);
