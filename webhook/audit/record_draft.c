#include "webhook/audit/record_draft.h"

#include "common/json.h"
#include "common/version.h"

#include <string.h>

/* Enough for an ordinary decision without growing. */
#define FIRST_TEXT_BYTES 2048u

/* How the line ends. */
#define LINE_END "}\n"
#define PATCH_LINE_END "\"}\n"

void record_draft_begin(struct record_draft *draft, const struct audit_identity *identity, const char *type)
{
    *draft = (struct record_draft){.text = BUFFER_INIT(AUDIT_RECORD_BYTES + 1)};
    buffer_reserve(&draft->text, FIRST_TEXT_BYTES);
    buffer_append_string(&draft->text, "{\"version\":1");
    record_draft_add_string(draft, "type", type);
    record_draft_add_string(draft, "chain", identity->chain);
    record_draft_add_string(draft, "replica", identity->replica);
    record_draft_add_string(draft, "product", PRODUCT_IDENTIFIER);
}

void record_draft_add_string(struct record_draft *draft, const char *key, const char *value)
{
    json_append_member(&draft->text, key, value);
}

void record_draft_add_integer(struct record_draft *draft, const char *key, uint64_t value)
{
    json_append_name(&draft->text, key);
    buffer_append_integer(&draft->text, (int64_t) value);
}

void record_draft_set_patch(struct record_draft *draft, const char *base64, size_t length)
{
    draft->patch = base64;
    draft->patch_length = length;
}

/* Makes room for the end of the text; the patch counts, too. */
static bool reserve_end(struct record_draft *draft, struct error *error)
{
    struct buffer *text = &draft->text;
    size_t left = text->maximum - text->length;
    if (buffer_reserve(text, RECORD_END_BYTES) && draft->patch_length > left - RECORD_END_BYTES)
        text->failure = ERROR_TOO_LARGE;
    return buffer_check(text, error) || error_prefix(error, "audit record");
}

bool record_draft_seal(struct record_draft *draft, struct error *error)
{
    if (!reserve_end(draft, error))
        return false;
    draft->hash = EVP_MD_CTX_new();
    if (!draft->hash || EVP_DigestInit_ex(draft->hash, digest_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(draft->hash, draft->text.data, draft->text.length) != 1)
        return error_set_no_memory(error);
    return true;
}

bool record_draft_finish(struct record_draft *draft, uint64_t sequence, const char *moment,
                         const char *previous, struct error *error, char hash[static DIGEST_SHA256_HEX_BYTES])
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    size_t sealed = draft->text.length;
    buffer_append_string(&draft->text, ",\"sequence\":");
    buffer_append_integer(&draft->text, (int64_t) sequence);
    buffer_append_string(&draft->text, ",\"time\":\"");
    buffer_append_string(&draft->text, moment);
    buffer_append_string(&draft->text, "\",\"previous\":\"");
    buffer_append_string(&draft->text, previous);
    buffer_append_string(&draft->text, "\"}");
    if (EVP_DigestUpdate(draft->hash, draft->text.data + sealed, draft->text.length - sealed) != 1 ||
        EVP_DigestFinal_ex(draft->hash, digest, NULL) != 1)
        return error_set(error, ERROR_INTERNAL, "audit record: cannot be hashed");
    digest_print_hex(digest, hash);
    /* The brace is hashed, and stands behind the patch. */
    draft->text.length -= strlen("}");
    buffer_append_string(&draft->text, draft->patch ? RECORD_PATCH_START : LINE_END);
    return buffer_check(&draft->text, error);
}

size_t record_draft_most_bytes(const struct record_draft *draft)
{
    return draft->text.length + draft->patch_length + RECORD_END_BYTES;
}

void record_draft_locate(const struct record_draft *draft, struct iovec parts[static RECORD_PARTS])
{
    static char end[] = PATCH_LINE_END;
    parts[0] = (struct iovec){.iov_base = draft->text.data, .iov_len = draft->text.length};
    /* Written from, not to. */
    parts[1] = (struct iovec){.iov_base = (char *) (uintptr_t) draft->patch, .iov_len = draft->patch_length};
    parts[2] = (struct iovec){.iov_base = end, .iov_len = draft->patch ? strlen(end) : 0};
}

void record_draft_done(struct record_draft *draft)
{
    buffer_done(&draft->text);
    EVP_MD_CTX_free(draft->hash);
    *draft = (struct record_draft){.hash = NULL};
}
