#include "common/file.h"

#include "common/buffer.h"
#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_PIECE_BYTES 4096

bool file_set_error(struct error *error, int errno_value, const char *path)
{
    enum error_code code = ERROR_IO;
    if (errno_value == ENOENT || errno_value == ENOTDIR)
        code = ERROR_NOT_FOUND;
    else if (errno_value == EACCES || errno_value == EPERM)
        code = ERROR_PERMISSION_DENIED;
    return error_set_errno(error, code, errno_value, "\"%s\"", path);
}

/* Appends until the end of the file; what is too large or too much for the memory shows in the buffer. */
static bool read_to_end(int descriptor, const char *path, struct buffer *buffer, struct error *error)
{
    for (;;) {
        char piece[FILE_PIECE_BYTES];
        ssize_t count = read(descriptor, piece, sizeof piece);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return file_set_error(error, errno, path);
        if (count == 0 || !buffer_append(buffer, piece, (size_t) count))
            return true;
    }
}

bool file_read_descriptor(int descriptor, const char *name, size_t maximum_bytes, struct error *error,
                          char **text, size_t *length)
{
    _cleanup_(buffer_done) struct buffer buffer = BUFFER_INIT(maximum_bytes);
    if (!read_to_end(descriptor, name, &buffer, error))
        return false;
    size_t content_length = buffer.length;
    if (!buffer_take(&buffer, error, text))
        return error_prefix(error, "\"%s\"", name);
    *length = content_length;
    return true;
}

bool file_read(const char *path, size_t maximum_bytes, struct error *error, char **text, size_t *length)
{
    /* O_NONBLOCK: a FIFO in place of the file must not hang the program. */
    _cleanup_(closep) int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return file_set_error(error, errno, path);
    return file_read_descriptor(descriptor, path, maximum_bytes, error, text, length);
}
