#include "common/json_plain.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The eight bytes of a word, each this one. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

#define BITS_PER_BYTE 8

/* The highest bit of each byte that is less than `limit`, up to the first such byte; those above it may be
 * wrong, since a subtraction borrows from them. `limit` is at most 0x80, bytes past 0x7f do not count. */
static uint64_t mark_less(uint64_t word, unsigned char limit)
{
    return (word - EACH(limit)) & ~word & EACH(0x80);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

size_t json_plain_count(const char *text, size_t length)
{
    size_t at = 0;
    for (; at + sizeof(uint64_t) <= length; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        word = le64toh(word);
        uint64_t special = (word & EACH(0x80)) | mark_less(word, 0x20) | mark_less(word ^ EACH('"'), 1) |
                           mark_less(word ^ EACH('\\'), 1);
        if (special)
            return at + (size_t) __builtin_ctzll(special) / BITS_PER_BYTE;
    }
    while (at < length && is_plain((unsigned char) text[at]))
        at++;
    return at;
}
