#include "certs/leaf.h"

#include "kubernetes/secret.h"

void leaf_done(struct leaf *leaf)
{
    certificate_list_free(leaf->chain);
    free(leaf->chain_pem);
    secret_free(leaf->key_pem);
    *leaf = (struct leaf){0};
}

/* Each cross certificate is believed through the one behind it: from the first that has ended, none helps. */
static bool add_cross(certificate_list *chain, const certificate_list *cross, time_t now, struct error *error)
{
    for (int i = 0; cross && i < sk_X509_num(cross); i++) {
        time_t not_before = 0, not_after = 0;
        X509 *certificate = sk_X509_value(cross, i);
        if (!certificate_read_validity(certificate, error, &not_before, &not_after))
            return false;
        if (now >= not_after)
            break;
        if (!certificate_list_add(chain, certificate, error))
            return false;
    }
    return true;
}

static bool fill(struct leaf *leaf, const struct authority *signer, const certificate_list *cross,
                 const struct certificate_names *names, const struct rotation_policy *policy, time_t now,
                 struct error *error)
{
    time_t not_before = 0;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    leaf->chain = sk_X509_new_null();
    if (!leaf->chain)
        return error_set_no_memory(error);
    return key_generate(policy->algorithm, error, &key) &&
           issue_server(signer, key, names, now, policy->leaf_life_s, error, &certificate) &&
           certificate_read_validity(certificate, error, &not_before, &leaf->not_after) &&
           certificate_list_add(leaf->chain, certificate, error) &&
           add_cross(leaf->chain, cross, now, error) &&
           certificate_list_append_pem(leaf->chain, error, &pem) &&
           buffer_take(&pem, error, &leaf->chain_pem) && key_print_pem(key, error, &leaf->key_pem);
}

bool leaf_issue(const struct authority *signer, const certificate_list *cross,
                const struct certificate_names *names, const struct rotation_policy *policy, time_t now,
                uint32_t random, struct error *error, struct leaf *result)
{
    struct leaf leaf = {0};
    if (!fill(&leaf, signer, cross, names, policy, now, error)) {
        leaf_done(&leaf);
        return false;
    }
    leaf.renewal = rotation_renewal(now, leaf.not_after, random);
    *result = leaf;
    return true;
}
