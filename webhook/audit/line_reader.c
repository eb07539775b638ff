#include "webhook/audit/line_reader.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read at once, and the first size of the buffer. */
#define PIECE_BYTES (256u * 1024)

bool line_reader_open(const char *path, size_t maximum_bytes, struct error *error, struct line_reader *reader)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return file_set_error(error, errno, path);
    *reader = (struct line_reader){.descriptor = descriptor, .name = path, .maximum = maximum_bytes};
    return true;
}

void line_reader_close(struct line_reader *reader)
{
    if (reader->name)
        close(reader->descriptor);
    free(reader->data);
    *reader = (struct line_reader){0};
}

/* Moves what is left to the front of the buffer, which is made larger when that alone fills it. */
static bool make_room(struct line_reader *reader, struct error *error)
{
    size_t left = reader->end - reader->begin;
    if (reader->begin > 0 && left > 0)
        memmove(reader->data, reader->data + reader->begin, left);
    reader->begin = 0;
    reader->end = left;
    if (reader->reserved - left >= PIECE_BYTES)
        return true;
    size_t reserved = reader->reserved ? reader->reserved * 2 : 2 * PIECE_BYTES;
    char *data = realloc(reader->data, reserved);
    if (!data)
        return error_set_no_memory(error);
    reader->data = data;
    reader->reserved = reserved;
    return true;
}

static bool read_piece(struct line_reader *reader, struct error *error)
{
    if (!make_room(reader, error))
        return false;
    for (;;) {
        ssize_t count = read(reader->descriptor, reader->data + reader->end, PIECE_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set_errno(error, ERROR_IO, errno, "\"%s\"", reader->name);
        reader->end += (size_t) count;
        reader->is_at_end = count == 0;
        return true;
    }
}

static void hand_out(struct line_reader *reader, size_t length, bool is_cut_short, struct line *line)
{
    size_t consumed = length + !is_cut_short;
    *line = (struct line){
        .text = reader->data + reader->begin,
        .length = length,
        .number = ++reader->line,
        .offset = reader->offset,
        .is_cut_short = is_cut_short,
    };
    reader->begin += consumed;
    reader->offset += consumed;
}

static bool check_length(const struct line_reader *reader, size_t length, struct error *error)
{
    if (length <= reader->maximum)
        return true;
    return error_set(error, ERROR_TOO_LARGE, "\"%s\" line %zu: longer than %zu bytes", reader->name,
                     reader->line + 1, reader->maximum);
}

bool line_reader_next(struct line_reader *reader, struct error *error, struct line *line, bool *has_line)
{
    size_t searched = 0;
    for (;;) {
        size_t length = reader->end - reader->begin;
        const char *newline = length > searched
                                  ? memchr(reader->data + reader->begin + searched, '\n', length - searched)
                                  : NULL;
        size_t known = newline ? (size_t) (newline - (reader->data + reader->begin)) : length;
        if (!check_length(reader, known, error))
            return false;
        *has_line = newline || (reader->is_at_end && known > 0);
        if (*has_line)
            hand_out(reader, known, !newline, line);
        if (*has_line || reader->is_at_end)
            return true;
        searched = known;
        if (!read_piece(reader, error))
            return error_prefix(error, "\"%s\" line %zu", reader->name, reader->line + 1);
    }
}
