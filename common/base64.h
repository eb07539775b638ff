/* Base64 (RFC 4648 section 4: the standard alphabet, padded) on one line, as JSON carries it: the patch of an
 * AdmissionResponse, the data of a Secret, certificates in a kubeconfig.
 *
 * Not for: base64url, and text with line breaks in it (PEM), which the decoder refuses.
 */
#pragma once

#include "common/buffer.h"
#include "common/error.h"

#include <stddef.h>

/* Appends the base64 of `length` bytes, without line breaks. Like every append it returns false when the
 * buffer failed, and buffer_check tells why. `data` may be NULL when `length` is 0. */
bool base64_append(struct buffer *buffer, const void *data, size_t length);

/* Appends the bytes that `text` stands for. ERROR_INVALID, naming the offset, for a character outside the
 * alphabet (white space too), missing or misplaced padding, and bits set under the padding: a value has one
 * spelling only. Otherwise fails as the buffer does. Decoded bytes may contain NUL. On failure the buffer's
 * content is as before. */
bool base64_decode(const char *text, size_t length, struct error *error,
                   struct buffer *buffer) _warn_unused_result_;
