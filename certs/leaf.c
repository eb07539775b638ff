#include "certs/leaf.h"

#include "kubernetes/secret.h"

void leaf_done(struct leaf *leaf)
{
    certificate_list_free(leaf->chain);
    free(leaf->chain_pem);
    secret_free(leaf->key_pem);
    *leaf = (struct leaf){0};
}

bool leaf_is_due(const struct leaf *leaf, time_t now)
{
    return !leaf->chain || now >= leaf->renewal || now < leaf->not_before;
}

/* Each cross certificate is believed through the one behind it: from the first that is about to end, none
 * helps, and a client that wants the whole chain to be valid would refuse it. `*end` is brought down to the
 * first end of those that are added. */
static bool add_cross(certificate_list *chain, const struct leaf_plan *plan, time_t now, struct error *error,
                      time_t *end)
{
    for (int i = 0; plan->cross && i < sk_X509_num(plan->cross); i++) {
        time_t not_before = 0, not_after = 0;
        X509 *certificate = sk_X509_value(plan->cross, i);
        if (!certificate_read_validity(certificate, error, &not_before, &not_after))
            return false;
        if (not_after - now <= plan->cross_life_s)
            break;
        if (!certificate_list_add(chain, certificate, error))
            return false;
        if (not_after < *end)
            *end = not_after;
    }
    return true;
}

/* Makes all but the time of the renewal; `*end` is the first end of anything in the chain. */
static bool fill(struct leaf *leaf, const struct leaf_plan *plan, time_t now, struct error *error,
                 time_t *end)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    leaf->chain = sk_X509_new_null();
    if (!leaf->chain)
        return error_set_no_memory(error);
    if (!key_generate(plan->policy->algorithm, error, &key) ||
        !issue_server(plan->signer, key, plan->names, now, plan->policy->leaf_life_s, error, &certificate) ||
        !certificate_read_validity(certificate, error, &leaf->not_before, &leaf->not_after))
        return false;
    *end = leaf->not_after;
    return certificate_list_add(leaf->chain, certificate, error) &&
           add_cross(leaf->chain, plan, now, error, end) &&
           certificate_list_append_pem(leaf->chain, error, &pem) &&
           buffer_take(&pem, error, &leaf->chain_pem) && key_print_pem(key, error, &leaf->key_pem);
}

bool leaf_issue(const struct leaf_plan *plan, time_t now, struct error *error, struct leaf *result)
{
    time_t end = 0;
    struct leaf leaf = {0};
    if (!fill(&leaf, plan, now, error, &end)) {
        leaf_done(&leaf);
        return false;
    }
    leaf.renewal = rotation_renewal(now, leaf.not_after, plan->random);
    /* Before a cross certificate ends the chain is made anew, without it. */
    if (end < leaf.not_after && end - plan->cross_life_s < leaf.renewal)
        leaf.renewal = end - plan->cross_life_s;
    *result = leaf;
    return true;
}
