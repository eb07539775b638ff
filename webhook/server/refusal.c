#include "webhook/server/refusal.h"

#include "common/cleanup.h"
#include "common/json.h"

unsigned refusal_status_of_error(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
    case ERROR_TOO_LARGE: /* too deep, too many: the body's own size is checked before */
        return 400;
    case ERROR_PERMISSION_DENIED:
        return 403;
    case ERROR_UNAVAILABLE:
    case ERROR_TIMEOUT:
    case ERROR_NO_MEMORY:
        return 503;
    default:
        return 500;
    }
}

/* As Kubernetes names them. */
static const char *reason_of(unsigned status)
{
    switch (status) {
    case 400:
        return "BadRequest";
    case 403:
        return "Forbidden";
    case 404:
        return "NotFound";
    case 405:
        return "MethodNotAllowed";
    case 413:
        return "RequestEntityTooLarge";
    case 415:
        return "UnsupportedMediaType";
    case 503:
        return "ServiceUnavailable";
    case 500:
        return "InternalError";
    default:
        return "";
    }
}

static bool print_status(unsigned status, const char *message, struct buffer *body)
{
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    _cleanup_(freep) char *text = NULL;
    bool is_made = object && cJSON_AddStringToObject(object, "kind", "Status") &&
                   cJSON_AddStringToObject(object, "apiVersion", "v1") &&
                   cJSON_AddStringToObject(object, "status", "Failure") &&
                   cJSON_AddStringToObject(object, "message", message) &&
                   cJSON_AddStringToObject(object, "reason", reason_of(status)) &&
                   cJSON_AddNumberToObject(object, "code", status);
    return is_made && json_print(object, false, NULL, &text) && buffer_append_string(body, text);
}

const char *refusal_print(unsigned status, const char *message, struct buffer *body)
{
    buffer_clear(body);
    if (print_status(status, message, body))
        return buffer_string(body);
    return "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"out of memory\"}";
}
