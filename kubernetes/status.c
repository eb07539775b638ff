#include "kubernetes/status.h"

#include "common/cleanup.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

#define STATUS_DEPTH 32u
#define STATUS_RETRY_AFTER_MAXIMUM_S 3600

enum error_code status_error_code(long status, const char *reason)
{
    switch (status) {
    case 400:
    case 422:
        return ERROR_INVALID;
    case 401:
    case 403:
        return ERROR_PERMISSION_DENIED;
    case 404:
        return ERROR_NOT_FOUND;
    case 408:
    case 504:
        return ERROR_TIMEOUT;
    case 409:
        return strcmp(reason, "AlreadyExists") == 0 ? ERROR_ALREADY_EXISTS : ERROR_CONFLICT;
    case 410:
        return ERROR_GONE;
    case 413:
        return ERROR_TOO_LARGE;
    case 429:
        return ERROR_UNAVAILABLE;
    default:
        return status >= 500 && status <= 599 ? ERROR_UNAVAILABLE : ERROR_INTERNAL;
    }
}

/* Text of the server goes into log lines: on one line. */
static void copy_printable(char *target, size_t size, const char *text, size_t length)
{
    size_t count = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < count; i++) {
        unsigned char character = (unsigned char) text[i];
        target[i] = character < ' ' || character == 0x7f ? ' ' : text[i];
    }
    target[count] = '\0';
}

static void set_message(long status, const char *reason, const char *text, size_t length, struct error *error)
{
    char message[ERROR_MESSAGE_BYTES];
    copy_printable(message, sizeof message, text, length);
    error_set(error, status_error_code(status, reason), "%ld%s%s%s%s", status, *reason ? " " : "", reason,
              *message ? ": " : "", message);
}

static bool set_error_from_object(long status, const cJSON *object, struct error *error,
                                  struct kubernetes_answer *answer)
{
    const char *reason = cJSON_GetStringValue(json_member(object, "reason"));
    const char *message = cJSON_GetStringValue(json_member(object, "message"));
    const cJSON *details = json_member(object, "details");
    int64_t retry_after_s = 0;
    if (reason)
        copy_printable(answer->reason, sizeof answer->reason, reason, strlen(reason));
    answer->has_causes = cJSON_GetArraySize(json_member(details, "causes")) > 0;
    if (json_get_integer(json_member(details, "retryAfterSeconds"), &retry_after_s) && retry_after_s > 0 &&
        !answer->retry_after_s)
        answer->retry_after_s =
            (unsigned) (retry_after_s < STATUS_RETRY_AFTER_MAXIMUM_S ? retry_after_s
                                                                     : STATUS_RETRY_AFTER_MAXIMUM_S);
    set_message(status, answer->reason, message ? message : "", message ? strlen(message) : 0, error);
    return false;
}

bool status_set_error(long status, const char *body, size_t length, struct error *error,
                      struct kubernetes_answer *answer)
{
    const struct json_limits limits = {.bytes = STATUS_BODY_BYTES, .depth = STATUS_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *object = NULL;
    struct error unparsed;
    if (json_parse(body, length, &limits, &unparsed, &object) && cJSON_IsObject(object))
        return set_error_from_object(status, object, error, answer);
    set_message(status, "", body, length, error);
    return false;
}

bool status_set_error_from_object(const cJSON *object, struct error *error, struct kubernetes_answer *answer)
{
    int64_t status = 0;
    if (!json_get_integer(json_member(object, "code"), &status) || status < 100 || status > 599)
        status = 500;
    answer->status = (long) status;
    return set_error_from_object((long) status, object, error, answer);
}
