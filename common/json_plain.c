#include "common/json_plain.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* The eight bytes of a word, each this one. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

#define BITS_PER_BYTE 8

/* The highest bit of each byte that is not plain, up to the first such byte. The marks above it may be wrong:
 * a byte less than what is subtracted from it borrows from the next one. Such a byte is marked itself.
 * Exchanging 0x20 and 0x22 puts the quote next to the control characters, for one comparison of both. */
static uint64_t mark_special(uint64_t word)
{
    uint64_t controls_and_quotes = (word ^ EACH(' ' ^ '"')) - EACH(' ' + 1);
    uint64_t backslashes = (word ^ EACH('\\')) - EACH(1);
    return (word | controls_and_quotes | backslashes) & EACH(0x80);
}

static size_t first_mark(uint64_t marks)
{
    return (size_t) __builtin_ctzll(marks) / BITS_PER_BYTE;
}

static uint64_t load_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

static uint64_t load_half(const char *text)
{
    uint32_t half;
    memcpy(&half, text, sizeof half);
    return le32toh(half);
}

static uint64_t byte_at(const char *text, size_t place)
{
    return (uint64_t) (unsigned char) text[place] << place * BITS_PER_BYTE;
}

/* Fewer bytes than a word has, and NULs behind them. Where two loads overlap they have the same bytes. */
static inline uint64_t load_few(const char *text, size_t length)
{
    const size_t half = sizeof(uint32_t);
    if (length >= half)
        return load_half(text) | load_half(text + length - half) << (length - half) * BITS_PER_BYTE;
    if (length == 0)
        return 0;
    return byte_at(text, 0) | byte_at(text, length / 2) | byte_at(text, length - 1);
}

/* The NULs are not plain, so there is a mark in any case. */
static inline size_t count_few(const char *text, size_t length)
{
    return first_mark(mark_special(load_few(text, length)));
}

static inline void copy_few(const char *text, size_t length, char *to)
{
    const size_t half = sizeof(uint32_t);
    if (length >= half) {
        memcpy(to, text, half);
        memcpy(to + length - half, text + length - half, half);
    } else if (length > 0) {
        to[0] = text[0];
        to[length / 2] = text[length / 2];
        to[length - 1] = text[length - 1];
    }
}

size_t json_plain_count(const char *text, size_t length)
{
    if (length < sizeof(uint64_t))
        return count_few(text, length);
    size_t last = length - sizeof(uint64_t);
    for (size_t at = 0; at < last; at += sizeof(uint64_t)) {
        uint64_t marks = mark_special(load_word(text + at));
        if (marks)
            return at + first_mark(marks);
    }
    /* The last word may begin with bytes that were looked at, which are plain. */
    uint64_t marks = mark_special(load_word(text + last));
    return marks ? last + first_mark(marks) : length;
}

size_t json_plain_copy(const char *text, size_t length, char *to)
{
    if (length < sizeof(uint64_t)) {
        copy_few(text, length, to);
        return count_few(text, length);
    }
    size_t last = length - sizeof(uint64_t), at = 0;
    for (;;) {
        memcpy(to + at, text + at, sizeof(uint64_t));
        uint64_t marks = mark_special(load_word(text + at));
        if (marks)
            return at + first_mark(marks);
        if (at == last)
            return length;
        at = at + sizeof(uint64_t) < last ? at + sizeof(uint64_t) : last;
    }
}
