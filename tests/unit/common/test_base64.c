#include "common/base64.h"
#include "common/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LONGEST 300

static void agrees_with_the_standard_examples(void **state)
{
    (void) state;
    static const struct {
        const char *plain;
        const char *encoded;
    } examples[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct error error;
        _cleanup_(buffer_done) struct buffer encoded = BUFFER_INIT(64);
        _cleanup_(buffer_done) struct buffer decoded = BUFFER_INIT(64);
        assert_true(base64_append(&encoded, examples[i].plain, strlen(examples[i].plain)));
        assert_string_equal(buffer_string(&encoded), examples[i].encoded);
        assert_true(base64_decode(examples[i].encoded, strlen(examples[i].encoded), &error, &decoded));
        assert_string_equal(buffer_string(&decoded), examples[i].plain);
    }
}

static void brings_back_every_length_on_one_line(void **state)
{
    (void) state;
    unsigned char bytes[LONGEST];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char) (i * 37 + 11);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct error error;
        _cleanup_(buffer_done) struct buffer encoded = BUFFER_INIT(2 * LONGEST);
        _cleanup_(buffer_done) struct buffer decoded = BUFFER_INIT(LONGEST);
        assert_true(buffer_append_string(&encoded, "<"));
        assert_true(base64_append(&encoded, bytes, length));
        assert_int_equal(encoded.length, 1 + (length + 2) / 3 * 4);
        assert_int_equal(strlen(buffer_string(&encoded)), encoded.length);
        assert_null(strpbrk(buffer_string(&encoded), "\r\n"));
        assert_true(base64_decode(encoded.data + 1, encoded.length - 1, &error, &decoded));
        assert_int_equal(decoded.length, length);
        if (length)
            assert_memory_equal(decoded.data, bytes, length);
    }
}

static void decodes_long_texts_with_every_byte(void **state)
{
    (void) state;
    /* Longer than one piece of the decoder. */
    size_t length = (size_t) 3 << 20;
    struct error error;
    _cleanup_(freep) unsigned char *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char) (i >> (i % 9));
    _cleanup_(buffer_done) struct buffer encoded = BUFFER_INIT(2 * length);
    _cleanup_(buffer_done) struct buffer decoded = BUFFER_INIT(length);
    assert_true(base64_append(&encoded, bytes, length));
    assert_true(base64_decode(encoded.data, encoded.length, &error, &decoded));
    assert_int_equal(decoded.length, length);
    assert_memory_equal(decoded.data, bytes, length);
}

static void takes_exactly_the_buffers_maximum(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(buffer_done) struct buffer encoded = BUFFER_INIT(8);
    assert_false(base64_append(&encoded, "1234567", 7));
    assert_false(buffer_check(&encoded, &error));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_clear(&encoded);
    assert_true(base64_append(&encoded, "123456", 6));
    assert_string_equal(buffer_string(&encoded), "MTIzNDU2");

    _cleanup_(buffer_done) struct buffer decoded = BUFFER_INIT(6);
    assert_true(base64_decode("MTIzNDU2", 8, &error, &decoded));
    buffer_clear(&decoded);
    assert_false(base64_decode("MTIzNDU2Nw==", 12, &error, &decoded));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

static void refuses_what_is_not_the_one_spelling(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        const char *message;
    } wrong[] = {
        {"Zg", "base64: 2 characters, not a multiple of 4"},
        {"Zg=", "base64: 3 characters, not a multiple of 4"},
        {"Zg==\n", "base64: 5 characters, not a multiple of 4"},
        {"Zm9v\nZm9", "base64: character 5 is not of the alphabet"},
        {"Zm-v", "base64: character 3 is not of the alphabet"},
        {"Zm_v", "base64: character 3 is not of the alphabet"},
        {"Zg==Zg==", "base64: character 3 is not of the alphabet"},
        {"Z===", "base64: character 2 is not of the alphabet"},
        {"====", "base64: character 1 is not of the alphabet"},
        {"\xc3\xa4Zg", "base64: character 1 is not of the alphabet"},
        {"Zh==", "base64: character 2 has bits set under the padding"},
        {"Zm9=", "base64: character 3 has bits set under the padding"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error;
        _cleanup_(buffer_done) struct buffer decoded = BUFFER_INIT(64);
        assert_true(buffer_append_string(&decoded, "before"));
        assert_false(base64_decode(wrong[i].text, strlen(wrong[i].text), &error, &decoded));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_string_equal(error.message, wrong[i].message);
        assert_string_equal(buffer_string(&decoded), "before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_standard_examples),
        cmocka_unit_test(brings_back_every_length_on_one_line),
        cmocka_unit_test(decodes_long_texts_with_every_byte),
        cmocka_unit_test(takes_exactly_the_buffers_maximum),
        cmocka_unit_test(refuses_what_is_not_the_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
