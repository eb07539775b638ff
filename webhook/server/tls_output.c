#include "webhook/server/tls_output.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* GnuTLS passes a record in a few pieces. */
#define PIECES 16

static size_t total_length(const giovec_t *pieces, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += pieces[i].iov_len;
    return length;
}

static ssize_t hold(struct tls_output *output, const giovec_t *pieces, int count)
{
    for (int i = 0; i < count; i++) {
        memcpy(output->held + output->length, pieces[i].iov_base, pieces[i].iov_len);
        output->length += pieces[i].iov_len;
    }
    return (ssize_t) output->length;
}

/* Of `sent` bytes the held ones went first. Returns how many of the others went, or -1 with EAGAIN. */
static ssize_t account_for(struct tls_output *output, size_t sent)
{
    if (sent >= output->length) {
        sent -= output->length;
        output->length = 0;
        if (sent > 0)
            return (ssize_t) sent;
    } else {
        output->length -= sent;
        memmove(output->held, output->held + sent, output->length);
    }
    errno = EAGAIN;
    return -1;
}

static ssize_t send_with_held(struct tls_output *output, const giovec_t *pieces, int count)
{
    struct iovec all[PIECES + 1] = {{.iov_base = output->held, .iov_len = output->length}};
    struct msghdr message = {.msg_iov = all, .msg_iovlen = (size_t) count + 1};
    for (int i = 0; i < count; i++)
        all[i + 1] = (struct iovec){.iov_base = pieces[i].iov_base, .iov_len = pieces[i].iov_len};
    ssize_t sent = sendmsg(output->descriptor, &message, MSG_NOSIGNAL);
    return sent < 0 ? -1 : account_for(output, (size_t) sent);
}

ssize_t tls_output_push(struct tls_output *output, const giovec_t *pieces, int count)
{
    bool must_hold =
        output->holds_next && output->length == 0 && total_length(pieces, count) <= TLS_OUTPUT_HELD_BYTES;
    output->holds_next = false;
    if (must_hold)
        return hold(output, pieces, count);
    return send_with_held(output, pieces, count < PIECES ? count : PIECES);
}

void tls_output_init(struct tls_output *output, int descriptor)
{
    output->descriptor = descriptor;
    output->holds_next = false;
    output->length = 0;
}

void tls_output_hold_next(struct tls_output *output)
{
    output->holds_next = true;
}
