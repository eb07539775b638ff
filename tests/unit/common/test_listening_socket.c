#include "common/cleanup.h"
#include "common/listening_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static bool can_connect(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    _cleanup_(closep) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    return connect(client, (const struct sockaddr *) &address, sizeof address) == 0;
}

static void listens_where_it_is_told(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(closep) int listening = -1;
    assert_true(listening_socket_open("127.0.0.1:0", &error, &listening));
    uint16_t port = listening_socket_port(listening);
    assert_int_not_equal(port, 0);
    assert_true(can_connect("127.0.0.1", port));
    assert_false(can_connect("127.0.0.2", port));
    assert_true(fcntl(listening, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listening, F_GETFD) & FD_CLOEXEC);
}

static void listens_everywhere_without_an_address(void **state)
{
    (void) state;
    struct error error;
    _cleanup_(closep) int listening = -1;
    assert_true(listening_socket_open(":0", &error, &listening));
    assert_true(can_connect("127.0.0.2", listening_socket_port(listening)));
}

static void says_when_the_port_is_taken(void **state)
{
    (void) state;
    struct error error;
    char address[32];
    _cleanup_(closep) int listening = -1;
    int second = -1;
    assert_true(listening_socket_open("127.0.0.1:0", &error, &listening));
    snprintf(address, sizeof address, "127.0.0.1:%u", listening_socket_port(listening));
    assert_false(listening_socket_open(address, &error, &second));
    assert_int_equal(error.code, ERROR_IO);
    assert_non_null(strstr(error.message, address));
    assert_int_equal(second, -1);
}

static void refuses_what_is_no_address(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",       "8443",         ":",           ":65536",  ":-1", ":1a",       "::1:1",    "[]:1",
        "[::1:1", "localhost:80", "300.1.1.1:1", ":123456", ": 1", "[1.2.3:80", "127.0.0.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {.code = ERROR_NONE};
        int descriptor = -1;
        assert_false(listening_socket_open(wrong[i], &error, &descriptor));
        assert_int_equal(error.code, ERROR_INVALID);
    }
}

static void refuses_a_host_longer_than_any_address(void **state)
{
    (void) state;
    struct error error;
    int descriptor = -1;
    assert_false(listening_socket_open("0000000000000000000000000000000000000000000000000000000000000000:1",
                                       &error, &descriptor));
    assert_int_equal(error.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_where_it_is_told),
        cmocka_unit_test(listens_everywhere_without_an_address),
        cmocka_unit_test(says_when_the_port_is_taken),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(refuses_a_host_longer_than_any_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
