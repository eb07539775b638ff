#include "kubernetes/retry.h"

#include "kubernetes/clock.h"

#include <errno.h>
#include <sys/random.h>

unsigned backoff_next_ms(struct backoff *backoff, uint32_t random)
{
    if (!backoff->next_ms)
        backoff->next_ms = backoff->first_ms;
    unsigned whole_ms = backoff->next_ms;
    backoff->next_ms = whole_ms > backoff->longest_ms / 2 ? backoff->longest_ms : whole_ms * 2;
    unsigned half_ms = whole_ms / 2;
    unsigned wait_ms = half_ms + random % (whole_ms - half_ms + 1);
    return wait_ms ? wait_ms : 1;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_ms = 0;
}

uint32_t backoff_random(void)
{
    uint32_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) == sizeof random)
        return random;
    /* Before the kernel has gathered entropy: the clock differs between processes just as well. */
    return (uint32_t) clock_now_ns();
}

bool kubernetes_may_retry(const struct error *error, const struct kubernetes_answer *answer,
                          bool is_idempotent)
{
    if (error->code != ERROR_UNAVAILABLE && error->code != ERROR_TIMEOUT)
        return false;
    if (answer->status == 429 || !answer->was_sent)
        return true;
    return is_idempotent;
}
