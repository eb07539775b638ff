/* Bytes that stand in a JSON string as they are (RFC 8259, section 7) without a look at those around them:
 * ASCII that is no control character, quote or backslash. Reading and writing JSON both pass over them eight
 * at a time, since most texts hold nothing else. Private to common/.
 */
#pragma once

#include <stddef.h>

/* How many plain bytes come first. */
size_t json_plain_count(const char *text, size_t length);

/* Copies them, too. `to` has room for `length` bytes; those behind the plain ones are left unspecified. */
size_t json_plain_copy(const char *text, size_t length, char *to);
