#include "common/utf8.h"

#include <stdint.h>

/* The length of the sequence that starts with `first`, 0 when none may; and the range of its second byte,
 * which is where overlong forms, surrogates and code points past the end show. */
static size_t describe_sequence(uint8_t first, uint8_t *second_minimum, uint8_t *second_maximum)
{
    *second_minimum = 0x80;
    *second_maximum = 0xbf;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0)
            *second_minimum = 0xa0;
        if (first == 0xed)
            *second_maximum = 0x9f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0)
            *second_minimum = 0x90;
        if (first == 0xf4)
            *second_maximum = 0x8f;
        return 4;
    }
    return 0;
}

size_t utf8_sequence_length(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *) text;
    uint8_t minimum, maximum;
    size_t sequence = length ? describe_sequence(bytes[0], &minimum, &maximum) : 0;
    if (sequence > length)
        return 0;
    if (sequence > 1 && (bytes[1] < minimum || bytes[1] > maximum))
        return 0;
    for (size_t index = 2; index < sequence; index++)
        if ((bytes[index] & 0xc0) != 0x80)
            return 0;
    return sequence;
}

bool utf8_is_valid(const char *text, size_t length)
{
    size_t position = 0;
    while (position < length) {
        size_t sequence = utf8_sequence_length(text + position, length - position);
        if (sequence == 0)
            return false;
        position += sequence;
    }
    return true;
}
