#include "webhook/audit/record_draft.h"

#include "common/json.h"
#include "common/version.h"

#include <string.h>

/* Enough for an ordinary decision and its patch without growing. */
#define FIRST_TEXT_BYTES (16u * 1024)

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
    draft->patch = BUFFER_INIT(AUDIT_RECORD_BYTES);
    buffer_append(&draft->patch, base64, length);
}

bool record_draft_seal(struct record_draft *draft, struct error *error)
{
    buffer_reserve(&draft->text, RECORD_END_BYTES + draft->patch.length);
    if (!buffer_check(&draft->patch, error) || !buffer_check(&draft->text, error))
        return error_prefix(error, "audit record");
    draft->hash = EVP_MD_CTX_new();
    if (!draft->hash || EVP_DigestInit_ex(draft->hash, digest_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(draft->hash, draft->text.data, draft->text.length) != 1)
        return error_set_no_memory(error);
    return true;
}

/* Behind what is hashed, in front of the brace that ends the line. */
static void insert_patch(struct record_draft *draft)
{
    if (draft->patch.length == 0)
        return;
    draft->text.length--;
    buffer_append_string(&draft->text, RECORD_PATCH_START);
    buffer_append(&draft->text, draft->patch.data, draft->patch.length);
    buffer_append_string(&draft->text, "\"}");
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
    insert_patch(draft);
    buffer_append_character(&draft->text, '\n');
    return buffer_check(&draft->text, error);
}

size_t record_draft_length(const struct record_draft *draft)
{
    return draft->text.length + draft->patch.length + RECORD_END_BYTES;
}

void record_draft_done(struct record_draft *draft)
{
    buffer_done(&draft->text);
    buffer_done(&draft->patch);
    EVP_MD_CTX_free(draft->hash);
    *draft = (struct record_draft){.hash = NULL};
}
