#include "common/base64.h"

#include <b64/cdecode.h>
#include <limits.h>
#include <openssl/evp.h>

/* Whole groups, far below the `int` that both libraries count in. */
#define ENCODE_PIECE_BYTES ((size_t) 3 << 20)
#define DECODE_PIECE_CHARACTERS ((size_t) 1 << 20)

#define GROUP_CHARACTERS 4
#define GROUP_BYTES 3

bool base64_append(struct buffer *buffer, const void *data, size_t length)
{
    size_t encoded = (length + GROUP_BYTES - 1) / GROUP_BYTES * GROUP_CHARACTERS;
    if (!buffer_reserve(buffer, encoded) || !encoded)
        return buffer->failure == ERROR_NONE;

    /* OpenSSL's encoder, since libb64's takes five times as long, for every patch. It ends each piece with a
     * NUL, which falls on the byte that the buffer keeps for its own. */
    const unsigned char *from = data;
    unsigned char *to = (unsigned char *) buffer->data + buffer->length;
    for (size_t left = length; left;) {
        size_t piece = left < ENCODE_PIECE_BYTES ? left : ENCODE_PIECE_BYTES;
        to += EVP_EncodeBlock(to, from, (int) piece);
        from += piece;
        left -= piece;
    }
    buffer->length += encoded;
    return true;
}

/* The six bits of a character, or -1. */
static int value_of(char character)
{
    /* One more, so that 0 stands for what is not of the alphabet. */
    static const unsigned char places[UCHAR_MAX + 1] = {
        ['A'] = 1, 2,  3,  4,  5,  6,  7,  8,  9,          10,        11, 12, 13, 14, 15, 16, 17,         18,
        19,        20, 21, 22, 23, 24, 25, 26, ['a'] = 27, 28,        29, 30, 31, 32, 33, 34, 35,         36,
        37,        38, 39, 40, 41, 42, 43, 44, 45,         46,        47, 48, 49, 50, 51, 52, ['0'] = 53, 54,
        55,        56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64};
    return places[(unsigned char) character] - 1;
}

/* libb64 skips what it does not know; so everything is looked at first. */
static bool check_text(const char *text, size_t length, struct error *error, size_t *padding)
{
    if (length % GROUP_CHARACTERS != 0)
        return error_set(error, ERROR_INVALID, "base64: %zu characters, not a multiple of 4", length);
    size_t equals = 0;
    while (equals < 2 && equals < length && text[length - 1 - equals] == '=')
        equals++;
    for (size_t i = 0; i < length - equals; i++) {
        if (value_of(text[i]) < 0)
            return error_set(error, ERROR_INVALID, "base64: character %zu is not of the alphabet", i + 1);
    }
    int unused = equals == 2 ? 0xF : equals == 1 ? 0x3 : 0;
    if (equals && (value_of(text[length - 1 - equals]) & unused) != 0)
        return error_set(error, ERROR_INVALID, "base64: character %zu has bits set under the padding",
                         length - equals);
    *padding = equals;
    return true;
}

bool base64_decode(const char *text, size_t length, struct error *error, struct buffer *buffer)
{
    size_t padding = 0;
    if (!check_text(text, length, error, &padding))
        return false;
    size_t decoded = length / GROUP_CHARACTERS * GROUP_BYTES - padding;
    if (!buffer_reserve(buffer, decoded))
        return buffer_check(buffer, error);
    if (!decoded)
        return true;

    /* The decoder touches one byte past its result: again the one that the buffer keeps for its NUL. */
    base64_decodestate state;
    base64_init_decodestate(&state);
    char *to = buffer->data + buffer->length;
    for (size_t left = length - padding; left;) {
        size_t piece = left < DECODE_PIECE_CHARACTERS ? left : DECODE_PIECE_CHARACTERS;
        to += base64_decode_block(text, (int) piece, to, &state);
        text += piece;
        left -= piece;
    }
    buffer->length += decoded;
    buffer->data[buffer->length] = '\0';
    return true;
}
