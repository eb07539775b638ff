#include "kubernetes/cancellation.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool cancellation_init(struct cancellation *cancellation, struct error *error)
{
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot create an eventfd");
    cancellation->descriptor = descriptor;
    atomic_init(&cancellation->is_requested, false);
    return true;
}

void cancellation_done(struct cancellation *cancellation)
{
    close(cancellation->descriptor);
    cancellation->descriptor = -1;
}

void cancellation_request(struct cancellation *cancellation)
{
    int saved_errno = errno;
    atomic_store(&cancellation->is_requested, true);
    /* Nobody reads it, so it can only fail when it is at its maximum, and then it is readable anyway. */
    ssize_t written = write(cancellation->descriptor, &(uint64_t){1}, sizeof(uint64_t));
    (void) written;
    errno = saved_errno;
}

bool cancellation_is_requested(const struct cancellation *cancellation)
{
    return cancellation && atomic_load(&cancellation->is_requested);
}

bool cancellation_sleep(const struct cancellation *cancellation, unsigned milliseconds)
{
    uint64_t deadline_ns = clock_now_ns() + milliseconds * NANOSECONDS_PER_MILLISECOND;
    struct pollfd wakeup = {.fd = cancellation ? cancellation->descriptor : -1, .events = POLLIN};
    for (;;) {
        if (cancellation_is_requested(cancellation))
            return false;
        int remaining_ms = clock_remaining_ms(deadline_ns);
        if (remaining_ms == 0)
            return true;
        poll(&wakeup, 1, remaining_ms);
    }
}

bool cancellation_set_error(struct error *error)
{
    return error_set(error, ERROR_CANCELLED, "cancelled");
}
