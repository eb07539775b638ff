/* A byte buffer that grows up to a mandatory maximum and is always terminated by a NUL that is not counted.
 * The first failure (maximum passed, out of memory) is remembered: a writer may append many times and check
 * once. Not for: sharing between threads.
 */
#pragma once

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data;      /* NULL until the first byte; owned, unless it is `room` */
    size_t length;   /* bytes used, without the terminating NUL */
    size_t reserved; /* bytes there are at `data` */
    size_t maximum;  /* largest length ever allowed */
    char *room;      /* see buffer_lend; NULL: none */
    enum error_code failure;
};

/* An empty buffer that may hold at most `maximum_bytes`. Needs buffer_done. */
#define BUFFER_INIT(maximum_bytes) ((struct buffer){.maximum = (maximum_bytes)})

/* Releases the memory; the buffer is empty and usable again. Accepts a zeroed struct. */
void buffer_done(struct buffer *buffer);

/* Lends an unused buffer `bytes` bytes of the caller's, at least one, which must outlive it: content that
 * fits needs no memory of its own. Not for buffers whose struct is copied to where it outlives the room. */
void buffer_lend(struct buffer *buffer, char *room, size_t bytes);

/* Forgets the content and the failure, keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Whether `length` more bytes fit into what is reserved, which never passes the maximum; not after a failure.
 */
static inline bool buffer_has_room(const struct buffer *buffer, size_t length)
{
    return length < buffer->reserved - buffer->length && buffer->failure == ERROR_NONE;
}

/* What buffer_reserve does when there is no room. */
bool buffer_grow(struct buffer *buffer, size_t length);

/* Makes room for `length` more bytes without changing the content. */
static inline bool buffer_reserve(struct buffer *buffer, size_t length)
{
    return buffer_has_room(buffer, length) || buffer_grow(buffer, length);
}

/* Appends; after a failure these do nothing, and return false. */
bool buffer_append(struct buffer *buffer, const void *data, size_t length);
bool buffer_append_string(struct buffer *buffer, const char *string);
static inline bool buffer_append_character(struct buffer *buffer, char character)
{
    if (!buffer_reserve(buffer, 1))
        return false;
    buffer->data[buffer->length++] = character;
    buffer->data[buffer->length] = '\0';
    return true;
}
bool buffer_append_integer(struct buffer *buffer, int64_t integer); /* in decimal */
bool buffer_append_format(struct buffer *buffer, const char *format, ...) _printf_(2, 3);

/* True when nothing failed so far; else sets ERROR_TOO_LARGE or ERROR_NO_MEMORY. */
bool buffer_check(const struct buffer *buffer, struct error *error) _warn_unused_result_;

/* The content as a C string, "" when empty; valid until the next append. Never NULL. */
const char *buffer_string(const struct buffer *buffer);

/* Hands the content over as a heap string (free), leaving the buffer empty; fails as buffer_check does. */
bool buffer_take(struct buffer *buffer, struct error *error, char **string) _warn_unused_result_;
