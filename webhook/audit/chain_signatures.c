#include "webhook/audit/chain_signatures.h"

#include "common/json.h"
#include "common/text.h"

#include <string.h>

static bool is_trusted(const struct chain_keys *trusted, const char *id)
{
    for (size_t i = 0; i < trusted->count; i++)
        if (strcmp(trusted->items[i]->id, id) == 0)
            return true;
    return trusted->count == 0;
}

/* Reads the key of a record, whose id must be that of the public key beside it. */
static bool read_key(const cJSON *record, const char *id_member, const char *key_member, struct error *error,
                     struct audit_key **key)
{
    const char *id, *public_key;
    _cleanup_(audit_key_freep) struct audit_key *read = NULL;
    if (!json_require_string(record, JSON_ROOT, id_member, error, &id) ||
        !json_require_string(record, JSON_ROOT, key_member, error, &public_key))
        return false;
    if (!audit_key_decode(public_key, error, &read))
        return error_prefix(error, "%s", key_member);
    if (strcmp(read->id, id) != 0)
        return error_set(error, ERROR_INVALID, "%s is not the id of %s", id_member, key_member);
    *key = take_pointer(&read);
    return true;
}

static bool check_signature(const cJSON *record, const char *member, const struct audit_key *key,
                            const struct audit_statement *statement, struct error *error)
{
    const char *signature;
    return json_require_string(record, JSON_ROOT, member, error, &signature) &&
           (audit_key_verify(key, statement, signature, error) || error_prefix(error, "%s", member));
}

/* The first key of a chain must be one that is trusted, and any other one that was introduced. */
static bool check_key(const struct chain_check *check, const char *id, struct error *error)
{
    if (*check->key_id && strcmp(check->key_id, id) != 0)
        return error_set(error, ERROR_INVALID, "key %s signs, but key %s never introduced it", id,
                         check->key_id);
    if (!*check->key_id && !is_trusted(check->trusted, id))
        return error_set(error, ERROR_INVALID, "key %s signs, which is none of those that are trusted", id);
    return true;
}

static bool check_checkpoint(struct chain_check *check, const cJSON *record,
                             struct audit_statement *statement, struct error *error)
{
    _cleanup_(audit_key_freep) struct audit_key *key = NULL;
    if (!read_key(record, "keyId", "publicKey", error, &key) || !check_key(check, key->id, error) ||
        !check_signature(record, "signature", key, statement, error))
        return false;
    TEXT_COPY(check->key_id, key->id);
    check->totals.checkpoints++;
    check->totals.signed_until = statement->sequence;
    return true;
}

static bool check_rotation(struct chain_check *check, const cJSON *record, struct audit_statement *statement,
                           struct error *error)
{
    _cleanup_(audit_key_freep) struct audit_key *old = NULL, *next = NULL;
    if (!read_key(record, "oldKeyId", "oldPublicKey", error, &old) ||
        !read_key(record, "newKeyId", "newPublicKey", error, &next) || !check_key(check, old->id, error))
        return false;
    statement->old_key_id = old->id;
    statement->new_key_id = next->id;
    if (!check_signature(record, "oldSignature", old, statement, error) ||
        !check_signature(record, "newSignature", next, statement, error))
        return false;
    TEXT_COPY(check->key_id, next->id);
    check->totals.rotations++;
    check->totals.signed_until = statement->sequence;
    return true;
}

bool chain_signatures_check(struct chain_check *check, const cJSON *record, const char *type,
                            uint64_t sequence, struct error *error)
{
    struct audit_statement statement = {
        .chain = check->chain, .sequence = sequence, .previous = check->last.hash};
    if (strcmp(type, "checkpoint") == 0)
        return check_checkpoint(check, record, &statement, error);
    if (strcmp(type, "key-rotation") == 0)
        return check_rotation(check, record, &statement, error);
    return true;
}
