#include "driver/sandboxes/token.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "driver/sandboxes/record.h"

#include <string.h>

#define PAYLOAD_DEPTH 16

/* JWTs use the URL-safe alphabet without padding. */
static bool decode_base64url(const char *text, size_t length, struct error *error, struct buffer *decoded)
{
    struct buffer plain = BUFFER_INIT(TOKEN_BYTES_MAXIMUM + 4);
    for (size_t index = 0; index < length; index++)
        buffer_append_character(&plain, text[index] == '-' ? '+' : text[index] == '_' ? '/' : text[index]);
    while (plain.length % 4 != 0 && buffer_append_character(&plain, '='))
        continue;
    bool is_decoded =
        buffer_check(&plain, error) && base64_decode(buffer_string(&plain), plain.length, error, decoded);
    buffer_done(&plain);
    return is_decoded;
}

bool token_read_times(const char *token, struct error *error, struct token_times *times)
{
    static const struct json_limits limits = {TOKEN_BYTES_MAXIMUM, PAYLOAD_DEPTH};
    const char *start = strchr(token, '.');
    const char *end = start ? strchr(start + 1, '.') : NULL;
    if (!end)
        return error_set(error, ERROR_INVALID, "the token is no JWT");
    struct buffer payload = BUFFER_INIT(TOKEN_BYTES_MAXIMUM);
    _cleanup_(cJSON_Deletep) cJSON *claims = NULL;
    int64_t issued = 0, expires = 0;
    bool is_read = decode_base64url(start + 1, (size_t) (end - start - 1), error, &payload) &&
                   json_parse(buffer_string(&payload), payload.length, &limits, error, &claims) &&
                   json_read_integer(claims, JSON_ROOT, "iat", 0, INT64_MAX / 2, 0, error, &issued) &&
                   json_read_integer(claims, JSON_ROOT, "exp", 0, INT64_MAX / 2, 0, error, &expires);
    buffer_done(&payload);
    if (!is_read)
        return error_set(error, ERROR_INVALID, "the token's claims cannot be read");
    *times = (struct token_times){issued, expires};
    return true;
}

int64_t token_renewal_time(const struct token_times *times)
{
    if (times->expires_s == 0)
        return 0;
    int64_t life = times->expires_s > times->issued_s ? times->expires_s - times->issued_s : 0;
    return times->expires_s - life / 5;
}
