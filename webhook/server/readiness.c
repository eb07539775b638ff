#include "webhook/server/readiness.h"

bool readiness_add(struct readiness *readiness, const char *name,
                   bool (*check)(void *context, struct error *error), void *context)
{
    if (readiness->count == READINESS_CHECKS)
        return false;
    readiness->checks[readiness->count++] =
        (struct readiness_check){.name = name, .check = check, .context = context};
    return true;
}

void readiness_set_draining(struct readiness *readiness)
{
    atomic_store(&readiness->is_draining, true);
}

bool readiness_is_draining(const struct readiness *readiness)
{
    return atomic_load_explicit(&readiness->is_draining, memory_order_relaxed);
}

bool readiness_report(struct readiness *readiness, struct buffer *text)
{
    bool is_ready = !readiness_is_draining(readiness);
    if (!is_ready)
        buffer_append_string(text, "draining: the server is about to end\n");
    for (size_t i = 0; i < readiness->count; i++) {
        struct error error = {.code = ERROR_NONE};
        const struct readiness_check *check = &readiness->checks[i];
        bool holds = check->check(check->context, &error);
        buffer_append_format(text, "%s: %s\n", check->name, holds ? "ok" : error.message);
        is_ready = is_ready && holds;
    }
    buffer_append_string(text, is_ready ? "ready\n" : "not ready\n");
    return is_ready;
}
