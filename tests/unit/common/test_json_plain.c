#include "common/json_plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Longer than two words of what is looked at together. */
#define TEXT_BYTES 20

static bool is_plain(unsigned byte)
{
    return byte >= 0x20 && byte <= 0x7f && byte != '"' && byte != '\\';
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
                assert_int_equal(json_plain_count(text, sizeof text), expected);
            }
        }
    }
}

static void looks_at_no_byte_past_the_length(void **state)
{
    (void) state;
    for (size_t length = 0; length < TEXT_BYTES; length++) {
        char text[TEXT_BYTES];
        memset(text, 'x', sizeof text);
        text[length] = '"';
        assert_int_equal(json_plain_count(text, length), length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_the_first_byte_that_is_special),
        cmocka_unit_test(looks_at_no_byte_past_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
