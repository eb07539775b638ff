/* Text in arrays of a fixed size. Not for: text that grows (buffer.h). */
#pragma once

#include <stddef.h>

/* Copies a string into an array, cut to its size; they may overlap. */
void text_copy(char *target, size_t size, const char *text);
#define TEXT_COPY(array, text) text_copy((array), sizeof(array), (text))
