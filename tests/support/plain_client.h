/* A TCP client for tests of HTTP servers on 127.0.0.1: sends bytes as they are, so that also what no HTTP
 * library would send can be sent. Every wait ends after 10 seconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connects; fails the test when that does not work. The caller closes it. */
int plain_client_connect(uint16_t port);

/* Sends all of the text; false when the server has closed the connection. */
bool plain_client_send(int descriptor, const char *text);

/* Reads until the server closes the connection, at most `size` - 1 bytes; terminates `text`. Returns whether
 * the end came in time. A reset counts as the end. */
bool plain_client_read_all(int descriptor, char *text, size_t size);

/* Reads until `text` holds `end`; false when the connection ended or 10 seconds passed before. */
bool plain_client_read_until(int descriptor, const char *end, char *text, size_t size);

/* True when the server closes the connection within `milliseconds` without sending anything. */
bool plain_client_is_closed_within(int descriptor, int milliseconds);
