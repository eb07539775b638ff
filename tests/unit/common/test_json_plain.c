#include "common/cleanup.h"
#include "common/json_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Longer than five words of what is looked at together. */
#define LENGTH_MAXIMUM 42
/* The longest text with which each byte meets each kind of neighbour: two words and a rest. */
#define TEXT_BYTES 20
/* What a target holds where nothing may be written. */
#define UNTOUCHED '~'

static bool is_plain(unsigned byte)
{
    return byte >= 0x20 && byte <= 0x7f && byte != '"' && byte != '\\';
}

/* Both functions, on memory that ends where the text and its copy do, so that a sanitizer sees one byte more.
 */
static void assert_plain(const char *characters, size_t length, size_t expected)
{
    _cleanup_(freep) char *text = malloc(length + !length);
    _cleanup_(freep) char *copy = malloc(length + !length);
    assert_non_null(text);
    assert_non_null(copy);
    memcpy(text, characters, length);
    memset(copy, UNTOUCHED, length);
    assert_int_equal(json_plain_count(text, length), expected);
    assert_int_equal(json_plain_copy(text, length, copy), expected);
    assert_memory_equal(copy, characters, expected);
}

/* Each byte at each place, before and behind each other kind of byte. */
static void stops_at_the_first_byte_that_is_special(void **state)
{
    (void) state;
    static const char neighbours[] = {'a', ' ',  '!',  '#', '[',         ']',        0x7f,
                                      '"', '\\', 0x1f, 0,   (char) 0x80, (char) 0xff};
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        for (size_t place = 0; place < TEXT_BYTES; place++) {
            for (size_t i = 0; i < sizeof neighbours; i++) {
                char text[TEXT_BYTES];
                memset(text, 'x', sizeof text);
                text[place] = (char) byte;
                if (place + 1 < TEXT_BYTES)
                    text[place + 1] = neighbours[i];
                bool is_next_plain = is_plain((unsigned char) neighbours[i]) || place + 1 == TEXT_BYTES;
                size_t expected = !is_plain(byte) ? place : is_next_plain ? TEXT_BYTES : place + 1;
                assert_plain(text, sizeof text, expected);
            }
        }
    }
}

static void finds_every_kind_at_every_place_of_every_length(void **state)
{
    (void) state;
    static const char kinds[] = {0,    1,   0x1f,        '\n',        '"',         '\\',
                                 0x7f, '!', (char) 0x80, (char) 0xc3, (char) 0xf0, (char) 0xff};
    for (size_t length = 0; length <= LENGTH_MAXIMUM; length++) {
        char text[LENGTH_MAXIMUM + 1];
        for (size_t i = 0; i < length; i++)
            text[i] = (char) ('A' + i % 26);
        assert_plain(text, length, length);
        for (size_t place = 0; place < length; place++) {
            for (size_t i = 0; i < sizeof kinds; i++) {
                char plain = text[place];
                text[place] = kinds[i];
                assert_plain(text, length, is_plain((unsigned char) kinds[i]) ? length : place);
                text[place] = plain;
            }
        }
    }
}

static void finds_the_first_of_two(void **state)
{
    (void) state;
    for (size_t length = 2; length <= LENGTH_MAXIMUM; length++) {
        for (size_t first = 0; first < length; first++) {
            for (size_t second = first + 1; second < length; second++) {
                char text[LENGTH_MAXIMUM];
                memset(text, ' ', sizeof text);
                text[first] = '"';
                text[second] = '\\';
                assert_plain(text, length, first);
            }
        }
    }
}

static void looks_at_and_writes_no_byte_past_the_length(void **state)
{
    (void) state;
    for (size_t length = 0; length < LENGTH_MAXIMUM; length++) {
        char text[LENGTH_MAXIMUM], copy[LENGTH_MAXIMUM];
        memset(text, 'x', sizeof text);
        memset(copy, UNTOUCHED, sizeof copy);
        text[length] = '"';
        assert_int_equal(json_plain_count(text, length), length);
        assert_int_equal(json_plain_copy(text, length, copy), length);
        assert_int_equal(copy[length], UNTOUCHED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_the_first_byte_that_is_special),
        cmocka_unit_test(finds_every_kind_at_every_place_of_every_length),
        cmocka_unit_test(finds_the_first_of_two),
        cmocka_unit_test(looks_at_and_writes_no_byte_past_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
