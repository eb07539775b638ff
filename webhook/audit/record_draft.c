#include "webhook/audit/record_draft.h"

#include "common/json.h"
#include "common/version.h"

#include <string.h>

/* `,"sequence":<20 digits>,"time":"<27>","previous":"<64>"}` and the newline. */
#define END_BYTES 192

/* Enough for an ordinary decision without growing. */
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

bool record_draft_seal(struct record_draft *draft, struct error *error)
{
    buffer_reserve(&draft->text, END_BYTES);
    if (!buffer_check(&draft->text, error))
        return error_prefix(error, "audit record");
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
    buffer_append_character(&draft->text, '\n');
    return buffer_check(&draft->text, error);
}

uint64_t record_line_sequence(const char *line, size_t length)
{
    static const char key[] = ",\"sequence\":";
    const size_t key_length = sizeof key - 1;
    size_t lowest = length > END_BYTES ? length - END_BYTES : 0;
    /* From behind: what stands before may hold anybody's text. */
    for (size_t i = length; i >= lowest + key_length; i--) {
        if (memcmp(line + i - key_length, key, key_length) != 0)
            continue;
        uint64_t sequence = 0;
        for (; i < length && line[i] >= '0' && line[i] <= '9' && sequence <= INT64_MAX / 10; i++)
            sequence = sequence * 10 + (uint64_t) (line[i] - '0');
        return sequence;
    }
    return 0;
}

void record_draft_done(struct record_draft *draft)
{
    buffer_done(&draft->text);
    EVP_MD_CTX_free(draft->hash);
    *draft = (struct record_draft){.hash = NULL};
}
