#include "kubernetes/line_splitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Writes each line in brackets, so that lines can be compared as one string. */
static bool collect(void *context, const char *text, size_t length, struct error *error)
{
    struct buffer *lines = context;
    if (length == 4 && memcmp(text, "stop", 4) == 0)
        return error_set(error, ERROR_CONFLICT, "stopped");
    buffer_append_character(lines, '[');
    buffer_append(lines, text, length);
    return buffer_append_character(lines, ']');
}

static void gives_the_same_lines_however_the_stream_is_cut(void **state)
{
    (void) state;
    const char *stream = "one\n\ntwo\nthree\n";
    for (size_t piece = 1; piece <= strlen(stream); piece++) {
        struct line_splitter splitter = LINE_SPLITTER_INIT(16);
        struct buffer lines = BUFFER_INIT(256);
        struct error error;
        for (size_t at = 0; at < strlen(stream); at += piece) {
            size_t left = strlen(stream) - at;
            assert_true(line_splitter_feed(&splitter, stream + at, left < piece ? left : piece, collect,
                                           &lines, &error));
        }
        assert_string_equal(buffer_string(&lines), "[one][two][three]");
        buffer_done(&lines);
        line_splitter_done(&splitter);
    }
}

static void keeps_back_a_line_without_end(void **state)
{
    (void) state;
    struct line_splitter splitter = LINE_SPLITTER_INIT(16);
    struct buffer lines = BUFFER_INIT(256);
    struct error error;
    assert_true(line_splitter_feed(&splitter, "a\nunfinished", 12, collect, &lines, &error));
    assert_string_equal(buffer_string(&lines), "[a]");
    buffer_done(&lines);
    line_splitter_done(&splitter);
}

static bool feed_line(size_t length, size_t piece, size_t maximum, struct error *error)
{
    struct line_splitter splitter = LINE_SPLITTER_INIT(maximum);
    struct buffer lines = BUFFER_INIT(4096);
    char line[64];
    memset(line, 'x', sizeof line);
    line[length] = '\n';
    bool is_taken = true;
    for (size_t at = 0; is_taken && at <= length; at += piece) {
        size_t left = length + 1 - at;
        is_taken =
            line_splitter_feed(&splitter, line + at, left < piece ? left : piece, collect, &lines, error);
    }
    buffer_done(&lines);
    line_splitter_done(&splitter);
    return is_taken;
}

static void takes_a_line_at_the_limit_and_not_one_past_it(void **state)
{
    (void) state;
    const size_t pieces[] = {1, 7, 64};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct error error;
        assert_true(feed_line(32, pieces[i], 32, &error));
        assert_false(feed_line(33, pieces[i], 32, &error));
        assert_int_equal(error.code, ERROR_TOO_LARGE);
        assert_string_equal(error.message, "line: more than 32 bytes");
    }
}

static void stops_when_the_consumer_does(void **state)
{
    (void) state;
    struct line_splitter splitter = LINE_SPLITTER_INIT(16);
    struct buffer lines = BUFFER_INIT(256);
    struct error error;
    assert_false(line_splitter_feed(&splitter, "a\nstop\nb\n", 9, collect, &lines, &error));
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_string_equal(buffer_string(&lines), "[a]");
    buffer_done(&lines);
    line_splitter_done(&splitter);
}

static void gives_the_memory_of_a_long_line_back(void **state)
{
    (void) state;
    struct line_splitter splitter = LINE_SPLITTER_INIT(4 * LINE_SPLITTER_KEPT_BYTES);
    struct buffer lines = BUFFER_INIT(8 * LINE_SPLITTER_KEPT_BYTES);
    struct error error;
    size_t length = 2 * LINE_SPLITTER_KEPT_BYTES;
    char *line = malloc(length);
    memset(line, 'x', length);
    assert_true(line_splitter_feed(&splitter, line, length, collect, &lines, &error));
    assert_true(splitter.pending.reserved > LINE_SPLITTER_KEPT_BYTES);
    assert_true(line_splitter_feed(&splitter, "\n", 1, collect, &lines, &error));
    assert_int_equal(splitter.pending.reserved, 0);
    free(line);
    buffer_done(&lines);
    line_splitter_done(&splitter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_lines_however_the_stream_is_cut),
        cmocka_unit_test(keeps_back_a_line_without_end),
        cmocka_unit_test(takes_a_line_at_the_limit_and_not_one_past_it),
        cmocka_unit_test(stops_when_the_consumer_does),
        cmocka_unit_test(gives_the_memory_of_a_long_line_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
