#include "common/buffer.h"
#include "driver/rpc/message_guard.h"

#include "compute_driver.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_MAXIMUM (4u * 1024 * 1024)

static const ProtobufCMessageDescriptor *const value_type = &google__protobuf__value__descriptor;
static const ProtobufCMessageDescriptor *const spec_type = &compute__driver_sandbox_spec__descriptor;

static enum error_code check(const ProtobufCMessageDescriptor *type, const void *bytes, size_t length)
{
    struct error error = {0};
    return message_guard_check(type, bytes, length, &error) ? ERROR_NONE : error.code;
}

static void append_varint(struct buffer *buffer, uint64_t number)
{
    for (; number > 0x7f; number >>= 7)
        buffer_append_character(buffer, (char) ((number & 0x7f) | 0x80));
    buffer_append_character(buffer, (char) number);
}

/* Wraps what the buffer holds as a length-delimited field. */
static void wrap(struct buffer *buffer, unsigned number)
{
    struct buffer outer = BUFFER_INIT(BYTES_MAXIMUM);
    append_varint(&outer, number << 3 | 2);
    append_varint(&outer, buffer->length);
    buffer_append(&outer, buffer_string(buffer), buffer->length);
    buffer_done(buffer);
    *buffer = outer;
}

/* A Value whose messages nest `levels` deep below it: Value -> ListValue -> Value ... */
static enum error_code check_depth(unsigned levels)
{
    struct buffer bytes = BUFFER_INIT(BYTES_MAXIMUM);
    for (unsigned level = levels; level-- > 0;)
        wrap(&bytes, level % 2 == 0 ? 6 : 1);
    enum error_code code = check(value_type, buffer_string(&bytes), bytes.length);
    buffer_done(&bytes);
    return code;
}

static void allows_the_depth_limit_and_not_one_more(void **state)
{
    (void) state;
    assert_int_equal(check_depth(MESSAGE_DEPTH_MAXIMUM), ERROR_NONE);
    assert_int_equal(check_depth(MESSAGE_DEPTH_MAXIMUM + 1), ERROR_TOO_LARGE);
}

static enum error_code check_fields(size_t count)
{
    struct buffer bytes = BUFFER_INIT(BYTES_MAXIMUM);
    for (size_t index = 0; index < count; index++)
        buffer_append(&bytes, "\x62\x00", 2); /* command: "" */
    enum error_code code = check(spec_type, buffer_string(&bytes), bytes.length);
    buffer_done(&bytes);
    return code;
}

static void allows_the_field_limit_and_not_one_more(void **state)
{
    (void) state;
    assert_int_equal(check_fields(MESSAGE_FIELDS_MAXIMUM), ERROR_NONE);
    assert_int_equal(check_fields(MESSAGE_FIELDS_MAXIMUM + 1), ERROR_TOO_LARGE);
}

struct example {
    const char *bytes;
    size_t length;
    enum error_code code;
};

#define EXAMPLE(text, expected)                                                                              \
    {                                                                                                        \
        .bytes = (text), .length = sizeof(text) - 1, .code = (expected)                                      \
    }

static void check_examples(const ProtobufCMessageDescriptor *type, const struct example *examples,
                           size_t count)
{
    for (size_t index = 0; index < count; index++) {
        if (check(type, examples[index].bytes, examples[index].length) != examples[index].code)
            fail_msg("example %zu", index);
    }
}

static void refuses_text_that_is_not_utf8_or_holds_nul(void **state)
{
    (void) state;
    static const struct example examples[] = {
        EXAMPLE("\x0a\x02\xc3\xa9", ERROR_NONE),
        EXAMPLE("\x0a\x01\xff", ERROR_INVALID),
        EXAMPLE("\x0a\x02\xc0\x80", ERROR_INVALID),
        EXAMPLE("\x0a\x03\xed\xa0\x80", ERROR_INVALID),
        EXAMPLE("\x0a\x04\xf4\x90\x80\x80", ERROR_INVALID),
        EXAMPLE("\x0a\x03"
                "a\0b",
                ERROR_INVALID),
        EXAMPLE("\x0a\x01\xc3", ERROR_INVALID),
    };
    check_examples(spec_type, examples, sizeof examples / sizeof *examples);
}

static void refuses_malformed_bytes(void **state)
{
    (void) state;
    static const struct example examples[] = {
        EXAMPLE("", ERROR_NONE),
        EXAMPLE("\x0a", ERROR_INVALID), /* no length */
        EXAMPLE("\x0a\x05"
                "abc",
                ERROR_INVALID),                                              /* cut */
        EXAMPLE("\x02\x00", ERROR_INVALID),                                  /* field 0 */
        EXAMPLE("\x0b\x0c", ERROR_INVALID),                                  /* a group */
        EXAMPLE("\x0f", ERROR_INVALID),                                      /* wire type 7 */
        EXAMPLE("\x08\x01", ERROR_INVALID),                                  /* a number where text belongs */
        EXAMPLE("\x6a\x00", ERROR_INVALID),                                  /* text where a bool belongs */
        EXAMPLE("\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ERROR_NONE), /* the longest varint */
        EXAMPLE("\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ERROR_INVALID),
        EXAMPLE("\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ERROR_INVALID),
        EXAMPLE("\xc2\x3e\x03"
                "\xff\x00!",
                ERROR_NONE), /* an unknown field may hold anything */
        EXAMPLE("\xc1\x3e"
                "12345678",
                ERROR_NONE),                             /* of any size */
        EXAMPLE("\xe8\x80\x80\x80\x00\x01", ERROR_NONE), /* the longest tag */
        EXAMPLE("\xe8\x80\x80\x80\x80\x00\x01", ERROR_INVALID),
        EXAMPLE("\x0a\x80\x80\x80\x80\x00", ERROR_NONE), /* the longest length */
        EXAMPLE("\x0a\x80\x80\x80\x80\x80\x00", ERROR_INVALID),
        EXAMPLE("\xc5\x3e"
                "1234",
                ERROR_NONE),
        EXAMPLE("\xc5\x3e"
                "123",
                ERROR_INVALID),
    };
    check_examples(spec_type, examples, sizeof examples / sizeof *examples);
}

static void wants_a_value_in_each_entry_of_a_map_of_messages(void **state)
{
    (void) state;
    static const struct example examples[] = {
        EXAMPLE("\x0a\x05\x0a\x01k\x12\x00", ERROR_NONE),
        EXAMPLE("\x0a\x03\x0a\x01k", ERROR_INVALID),
    };
    check_examples(&google__protobuf__struct__descriptor, examples, 2);
    /* In a map of strings an absent value is the empty one. */
    assert_int_equal(check(spec_type, "\x2a\x03\x0a\x01k", 5), ERROR_NONE);
}

static void names_the_field_and_never_its_content(void **state)
{
    (void) state;
    struct error error;
    assert_false(message_guard_check(spec_type, (const uint8_t *) "\x5a\x07secret\xff", 9, &error));
    assert_non_null(strstr(error.message, "sandbox_token"));
    assert_null(strstr(error.message, "secret\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_the_depth_limit_and_not_one_more),
        cmocka_unit_test(allows_the_field_limit_and_not_one_more),
        cmocka_unit_test(refuses_text_that_is_not_utf8_or_holds_nul),
        cmocka_unit_test(refuses_malformed_bytes),
        cmocka_unit_test(wants_a_value_in_each_entry_of_a_map_of_messages),
        cmocka_unit_test(names_the_field_and_never_its_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
