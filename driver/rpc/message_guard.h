/* Looks through the bytes of a message before protobuf-c may unpack them.
 *
 * protobuf-c trusts its peer more than a server should: it recurses without a limit, takes any bytes as a
 * string, cuts strings at NUL, leaves a map entry's absent message as NULL and turns a few megabytes of empty
 * entries into hundreds. The guard walks the wire format along the descriptor, without allocating, and
 * refuses all of that. What it lets through unpacks in memory proportional to its size.
 *
 * Not for: the meaning of a message (driver/sandboxes validates that).
 */
#pragma once

#include "common/error.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* Nesting of messages below the outermost one; what other protobuf runtimes allow. */
#define MESSAGE_DEPTH_MAXIMUM 100

/* Fields in the whole message, those of nested messages and unknown ones counted. A sandbox at the limits of
 * the gateway has fewer than 20,000. */
#define MESSAGE_FIELDS_MAXIMUM 65536

/* True when `bytes` are a well-formed message of this type within the limits, all its strings UTF-8 without
 * NUL, all entries of maps of messages with a value. Else ERROR_INVALID or ERROR_TOO_LARGE; the text names
 * the field and never holds its content. */
bool message_guard_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t length,
                         struct error *error) _warn_unused_result_;
