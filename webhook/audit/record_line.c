#include "webhook/audit/record_line.h"

#include "common/base64.h"
#include "common/json.h"
#include "webhook/audit/record_draft.h"

#include <string.h>

#define PATCH_START_BYTES (sizeof RECORD_PATCH_START - 1)

/* How much of the line is hashed before the brace that ends it. Text between quotes holds no quote, so that
 * nothing but the last member can look like the patch. Base64 has no escapes: written with them, which the
 * digest of what it decodes to would not show, it is none. */
static size_t hashed_length(const char *line, size_t length)
{
    size_t end = length - 1;
    if (end == 0 || line[end - 1] != '"')
        return end;
    const char *quote = memrchr(line, '"', end - 1);
    size_t start = quote ? (size_t) (quote + 1 - line) : 0;
    bool is_patch = start >= PATCH_START_BYTES &&
                    memcmp(line + start - PATCH_START_BYTES, RECORD_PATCH_START, PATCH_START_BYTES) == 0 &&
                    !memchr(line + start, '\\', end - start);
    return is_patch ? start - PATCH_START_BYTES : end;
}

bool record_line_hash(const char *line, size_t length, struct error *error,
                      char hash[static DIGEST_SHA256_HEX_BYTES])
{
    if (length == 0 || line[length - 1] != '}')
        return digest_sha256_hex(line, length, error, hash);
    const struct digest_piece pieces[] = {{line, hashed_length(line, length)}, {"}", 1}};
    return digest_sha256_hex_of_pieces(pieces, 2, error, hash);
}

uint64_t record_line_sequence(const char *line, size_t length)
{
    static const char key[] = ",\"sequence\":";
    const size_t key_length = sizeof key - 1;
    size_t end = length > 0 ? hashed_length(line, length) : 0;
    size_t lowest = end > RECORD_END_BYTES ? end - RECORD_END_BYTES : 0;
    /* From behind: what stands before may hold anybody's text. */
    for (size_t i = end; i >= lowest + key_length; i--) {
        if (memcmp(line + i - key_length, key, key_length) != 0)
            continue;
        uint64_t sequence = 0;
        for (; i < end && line[i] >= '0' && line[i] <= '9' && sequence <= INT64_MAX / 10; i++)
            sequence = sequence * 10 + (uint64_t) (line[i] - '0');
        return sequence;
    }
    return 0;
}

static bool omits_patch(const cJSON *record)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, json_member(record, "omitted"))
    {
        if (cJSON_IsString(name) && strcmp(name->valuestring, "patch") == 0)
            return true;
    }
    return false;
}

static bool is_of_digest(const char *patch, const char *digest, struct error *error)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(AUDIT_RECORD_BYTES);
    char found[DIGEST_SHA256_HEX_BYTES];
    if (!base64_decode(patch, strlen(patch), error, &text))
        return error_prefix(error, "patch");
    if (!digest_sha256_hex(buffer_string(&text), text.length, error, found))
        return false;
    return strcmp(found, digest) == 0 ||
           error_set(error, ERROR_INVALID, "patch: is not what patchSha256 is of");
}

bool record_check_patch(const cJSON *record, struct error *error)
{
    const char *patch, *digest;
    if (!json_read_string(record, JSON_ROOT, "patch", error, &patch) ||
        !json_read_string(record, JSON_ROOT, "patchSha256", error, &digest))
        return false;
    if (!patch)
        return !digest || omits_patch(record) || error_set(error, ERROR_INVALID, "patch: is missing");
    if (!digest)
        return error_set(error, ERROR_INVALID, "patch: there is no patchSha256 of it");
    if (omits_patch(record))
        return error_set(error, ERROR_INVALID, "patch: is said to be omitted");
    return is_of_digest(patch, digest, error);
}
