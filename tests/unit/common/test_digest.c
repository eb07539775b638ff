#include "common/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The values are the examples of FIPS 180. */
static void agrees_with_the_standard_examples(void **state)
{
    (void) state;
    struct error error;
    char hex[DIGEST_SHA256_HEX_BYTES];
    assert_true(digest_sha256_hex("abc", 3, &error, hex));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(digest_sha256_hex(NULL, 0, &error, hex));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void takes_pieces_for_one_text(void **state)
{
    (void) state;
    struct error error;
    char whole[DIGEST_SHA256_HEX_BYTES], pieced[DIGEST_SHA256_HEX_BYTES];
    const struct digest_piece pieces[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    assert_true(digest_sha256_hex("abc", 3, &error, whole));
    assert_true(digest_sha256_hex_of_pieces(pieces, 3, &error, pieced));
    assert_string_equal(pieced, whole);
    assert_true(digest_sha256_hex("", 0, &error, whole));
    assert_true(digest_sha256_hex_of_pieces(NULL, 0, &error, pieced));
    assert_string_equal(pieced, whole);
}

static void counts_every_byte_zeros_too(void **state)
{
    (void) state;
    struct error error;
    char one[DIGEST_SHA256_HEX_BYTES], two[DIGEST_SHA256_HEX_BYTES];
    assert_true(digest_sha256_hex("a\0b", 3, &error, one));
    assert_true(digest_sha256_hex("a\0c", 3, &error, two));
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_standard_examples),
        cmocka_unit_test(takes_pieces_for_one_text),
        cmocka_unit_test(counts_every_byte_zeros_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
