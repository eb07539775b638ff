#include "common/cleanup.h"
#include "webhook/server/tls_output.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* Larger than what a socket takes at once. */
#define LARGE_BYTES (8u * 1024 * 1024)

static int ends[2];
static struct tls_output output;
static char received[LARGE_BYTES + TLS_OUTPUT_HELD_BYTES];

static int set_up(void **state)
{
    (void) state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    output = (struct tls_output){.descriptor = ends[0]};
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static ssize_t push_text(const char *text)
{
    giovec_t pieces[] = {{.iov_base = (char *) (uintptr_t) text, .iov_len = 1},
                         {.iov_base = (char *) (uintptr_t) text + 1, .iov_len = strlen(text) - 1}};
    return tls_output_push(&output, pieces, 2);
}

/* Asserts that this, and no more, has arrived. */
static void assert_arrived(const char *text)
{
    ssize_t length = recv(ends[1], received, sizeof received, 0);
    assert_int_equal(length < 0 ? 0 : length, strlen(text));
    if (length > 0)
        assert_memory_equal(received, text, strlen(text));
}

static void sends_at_once_by_default(void **state)
{
    (void) state;
    assert_int_equal(push_text("header"), 6);
    assert_arrived("header");
}

static void holds_one_record_until_the_next(void **state)
{
    (void) state;
    tls_output_hold_next(&output);
    assert_int_equal(push_text("header"), 6);
    assert_arrived("");
    assert_int_equal(push_text("body"), 4);
    assert_arrived("headerbody");
    assert_int_equal(push_text("next"), 4);
    assert_arrived("next");
}

static void holds_the_longest_record_and_no_longer_one(void **state)
{
    (void) state;
    char text[TLS_OUTPUT_HELD_BYTES + 2];
    memset(text, 'x', sizeof text);
    text[TLS_OUTPUT_HELD_BYTES + 1] = '\0';
    tls_output_hold_next(&output);
    assert_int_equal(push_text(text), TLS_OUTPUT_HELD_BYTES + 1);
    assert_arrived(text);
    text[TLS_OUTPUT_HELD_BYTES] = '\0';
    tls_output_hold_next(&output);
    assert_int_equal(push_text(text), TLS_OUTPUT_HELD_BYTES);
    assert_arrived("");
    assert_int_equal(push_text("ab"), 2);
    assert_int_equal(recv(ends[1], received, sizeof received, 0), TLS_OUTPUT_HELD_BYTES + 2);
}

/* Fills the socket with `x` until it takes no more; returns how much. */
static size_t fill_socket(void)
{
    static char block[4096];
    size_t total = 0;
    ssize_t sent;
    memset(block, 'x', sizeof block);
    while ((sent = send(ends[0], block, sizeof block, MSG_NOSIGNAL)) > 0)
        total += (size_t) sent;
    return total;
}

static void keeps_what_is_held_while_the_socket_is_full(void **state)
{
    (void) state;
    size_t total = fill_socket();
    tls_output_hold_next(&output);
    assert_int_equal(push_text("header"), 6);
    assert_int_equal(push_text("body"), -1);
    assert_int_equal(errno, EAGAIN);
    while (total > 0) {
        ssize_t length = recv(ends[1], received, total, 0);
        assert_true(length > 0);
        total -= (size_t) length;
    }
    assert_int_equal(push_text("body"), 4);
    assert_arrived("headerbody");
}

/* Sends a body of LARGE_BYTES as GnuTLS does: what was not taken comes again. */
static void sends_a_large_body_in_parts_after_what_was_held(void **state)
{
    (void) state;
    static char body[LARGE_BYTES];
    size_t sent = 0, arrived = 0;
    memset(body, 'y', sizeof body);
    tls_output_hold_next(&output);
    assert_int_equal(push_text("header"), 6);
    while (arrived < sizeof body + 6) {
        giovec_t piece = {.iov_base = body + sent, .iov_len = sizeof body - sent};
        ssize_t length = sent < sizeof body ? tls_output_push(&output, &piece, 1) : 0;
        sent += length > 0 ? (size_t) length : 0;
        length = recv(ends[1], received + arrived, sizeof received - arrived, 0);
        arrived += length > 0 ? (size_t) length : 0;
    }
    assert_memory_equal(received, "header", 6);
    assert_memory_equal(received + 6, body, sizeof body);
}

static void says_when_the_connection_is_gone(void **state)
{
    (void) state;
    shutdown(ends[0], SHUT_WR);
    tls_output_hold_next(&output);
    assert_int_equal(push_text("header"), 6);
    assert_int_equal(push_text("body"), -1);
    assert_int_equal(errno, EPIPE);
}

#define OUTPUT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(sends_at_once_by_default),
        OUTPUT_TEST(holds_one_record_until_the_next),
        OUTPUT_TEST(holds_the_longest_record_and_no_longer_one),
        OUTPUT_TEST(keeps_what_is_held_while_the_socket_is_full),
        OUTPUT_TEST(sends_a_large_body_in_parts_after_what_was_held),
        OUTPUT_TEST(says_when_the_connection_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
