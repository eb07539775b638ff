#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST_BYTES 256

void buffer_done(struct buffer *buffer)
{
    if (buffer->data != buffer->room)
        free(buffer->data);
    *buffer = BUFFER_INIT(buffer->maximum);
}

void buffer_lend(struct buffer *buffer, char *room, size_t bytes)
{
    buffer->data = buffer->room = room;
    buffer->reserved = bytes <= buffer->maximum ? bytes : buffer->maximum + 1;
    buffer->data[0] = '\0';
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failure = ERROR_NONE;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* Memory of the buffer's own of `bytes` bytes, with the content. */
static char *allocate(const struct buffer *buffer, size_t bytes)
{
    if (buffer->data != buffer->room)
        return realloc(buffer->data, bytes);
    char *data = malloc(bytes);
    if (data && buffer->length)
        memcpy(data, buffer->data, buffer->length);
    return data;
}

bool buffer_grow(struct buffer *buffer, size_t length)
{
    if (buffer->failure != ERROR_NONE)
        return false;
    if (length > buffer->maximum || buffer->length > buffer->maximum - length) {
        buffer->failure = ERROR_TOO_LARGE;
        return false;
    }
    size_t needed = buffer->length + length + 1;
    size_t reserved = buffer->reserved ? buffer->reserved : BUFFER_FIRST_BYTES;
    while (reserved < needed && reserved <= buffer->maximum / 2)
        reserved *= 2;
    if (reserved < needed || reserved > buffer->maximum)
        reserved = buffer->maximum + 1;
    char *data = allocate(buffer, reserved);
    if (!data) {
        buffer->failure = ERROR_NO_MEMORY;
        return false;
    }
    buffer->data = data;
    buffer->reserved = reserved;
    buffer->data[buffer->length] = '\0';
    return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (!buffer_reserve(buffer, length))
        return false;
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return true;
}

bool buffer_append_string(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, string, strlen(string));
}

bool buffer_append_integer(struct buffer *buffer, int64_t integer)
{
    char digits[20]; /* the sign and 19 digits */
    size_t first = sizeof digits;
    uint64_t rest = integer < 0 ? -(uint64_t) integer : (uint64_t) integer;
    do {
        digits[--first] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (integer < 0)
        digits[--first] = '-';
    return buffer_append(buffer, digits + first, sizeof digits - first);
}

/* Prints behind the content, as far as there is room; returns the length of it all. */
static int print_behind(struct buffer *buffer, const char *format, va_list arguments) _printf_(2, 0);
static int print_behind(struct buffer *buffer, const char *format, va_list arguments)
{
    char *end = buffer->data ? buffer->data + buffer->length : NULL;
    return vsnprintf(end, buffer->reserved - buffer->length, format, arguments);
}

bool buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = print_behind(buffer, format, arguments);
    va_end(arguments);
    bool is_printed = length >= 0 && buffer_has_room(buffer, (size_t) length);
    if (!is_printed) {
        /* What was cut goes again. */
        if (buffer->data)
            buffer->data[buffer->length] = '\0';
        if (length < 0 || !buffer_reserve(buffer, (size_t) length))
            return false;
        va_start(arguments, format);
        print_behind(buffer, format, arguments);
        va_end(arguments);
    }
    buffer->length += (size_t) length;
    return true;
}

bool buffer_check(const struct buffer *buffer, struct error *error)
{
    if (buffer->failure == ERROR_NONE)
        return true;
    if (buffer->failure == ERROR_NO_MEMORY)
        return error_set_no_memory(error);
    return error_set(error, buffer->failure, "more than %zu bytes", buffer->maximum);
}

const char *buffer_string(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

bool buffer_take(struct buffer *buffer, struct error *error, char **string)
{
    /* An empty buffer has no memory yet, and what was lent stays with its owner. */
    if (buffer->data == buffer->room)
        (void) buffer_grow(buffer, 0);
    if (!buffer_check(buffer, error))
        return false;
    *string = buffer->data;
    buffer->data = NULL;
    buffer->length = buffer->reserved = 0;
    return true;
}
