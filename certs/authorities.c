#include "certs/authorities.h"

#include "certs/openssl_failure.h"

void authorities_done(struct authorities *authorities)
{
    authority_done(&authorities->current);
    authority_done(&authorities->next);
    certificate_list_free(authorities->cross);
    X509_free(authorities->next_cross);
    for (size_t i = 0; i < authorities->retired_count; i++)
        X509_free(authorities->retired[i].certificate);
    *authorities = (struct authorities){0};
}

bool authorities_create(enum key_algorithm algorithm, time_t now, time_t life_s, struct error *error,
                        struct authorities *authorities)
{
    struct authorities made = {.cross = sk_X509_new_null()};
    if (!made.cross)
        return error_set_no_memory(error);
    if (!issue_authority(algorithm, now, life_s, error, &made.current)) {
        authorities_done(&made);
        return false;
    }
    *authorities = made;
    return true;
}

static X509 *share_certificate(X509 *certificate)
{
    if (certificate)
        X509_up_ref(certificate);
    return certificate;
}

static struct authority share_authority(const struct authority *authority)
{
    if (authority->key)
        EVP_PKEY_up_ref(authority->key);
    return (struct authority){.certificate = share_certificate(authority->certificate),
                              .key = authority->key};
}

bool authorities_copy(const struct authorities *authorities, struct error *error, struct authorities *copy)
{
    certificate_list *cross = X509_chain_up_ref((certificate_list *) (uintptr_t) authorities->cross);
    if (!cross)
        return openssl_set_failure(error, ERROR_NO_MEMORY, "cannot copy authorities");
    *copy = (struct authorities){
        .current = share_authority(&authorities->current),
        .cross = cross,
        .next = share_authority(&authorities->next),
        .next_cross = share_certificate(authorities->next_cross),
        .retired_count = authorities->retired_count,
    };
    for (size_t i = 0; i < authorities->retired_count; i++)
        copy->retired[i] =
            (struct retired_authority){.certificate = share_certificate(authorities->retired[i].certificate),
                                       .until = authorities->retired[i].until};
    return true;
}

/* An authority that has expired cannot vouch for another, and nobody would believe it. */
static bool make_cross(const struct authorities *authorities, X509 *next, time_t now, struct error *error,
                       X509 **cross)
{
    time_t not_before = 0, not_after = 0;
    if (!certificate_read_validity(authorities->current.certificate, error, &not_before, &not_after))
        return false;
    if (now >= not_before && now < not_after)
        return issue_cross(&authorities->current, next, now, error, cross);
    *cross = NULL;
    return true;
}

bool authorities_prepare(struct authorities *authorities, enum key_algorithm algorithm, time_t now,
                         time_t life_s, struct error *error)
{
    struct authority next = {0};
    X509 *cross = NULL;
    if (authorities->next.certificate)
        return error_set(error, ERROR_ALREADY_EXISTS, "the next authority has been made already");
    if (!issue_authority(algorithm, now, life_s, error, &next) ||
        !make_cross(authorities, next.certificate, now, error, &cross)) {
        authority_done(&next);
        return false;
    }
    authorities->next = next;
    authorities->next_cross = cross;
    return true;
}

/* The cross certificates that go with the next authority: its own, then those before, up to the first that
 * has expired. */
static bool make_next_chain(const struct authorities *authorities, time_t now, struct error *error,
                            certificate_list **result)
{
    _cleanup_(certificate_list_freep) certificate_list *chain = sk_X509_new_null();
    if (!chain)
        return error_set_no_memory(error);
    X509 *cross = authorities->next_cross;
    for (int i = 0; cross && sk_X509_num(chain) < AUTHORITIES_CROSS_MAXIMUM; i++) {
        time_t not_before = 0, not_after = 0;
        if (!certificate_read_validity(cross, error, &not_before, &not_after))
            return false;
        if (now >= not_after)
            break;
        if (!certificate_list_add(chain, cross, error))
            return false;
        cross = i < sk_X509_num(authorities->cross) ? sk_X509_value(authorities->cross, i) : NULL;
    }
    *result = take_pointer(&chain);
    return true;
}

bool authorities_retire(struct authorities *authorities, X509 *certificate, time_t until, struct error *error)
{
    time_t not_before = 0, not_after = 0;
    if (authorities_contain(authorities, certificate))
        return true;
    if (authorities->retired_count == AUTHORITIES_RETIRED_MAXIMUM)
        return error_set(error, ERROR_TOO_LARGE,
                         "%d authorities are retired already: wait until one has gone",
                         AUTHORITIES_RETIRED_MAXIMUM);
    if (!certificate_read_validity(certificate, error, &not_before, &not_after))
        return false;
    authorities->retired[authorities->retired_count++] = (struct retired_authority){
        .certificate = share_certificate(certificate), .until = until < not_after ? until : not_after};
    return true;
}

bool authorities_promote(struct authorities *authorities, time_t now, time_t retired_until,
                         struct error *error)
{
    _cleanup_(certificate_list_freep) certificate_list *chain = NULL;
    struct authority old = authorities->current;
    if (!authorities->next.certificate)
        return error_set(error, ERROR_FAILED_PRECONDITION, "there is no next authority");
    if (!make_next_chain(authorities, now, error, &chain))
        return false;
    authorities->current = authorities->next;
    authorities->next = (struct authority){0};
    if (!authorities_retire(authorities, old.certificate, retired_until, error)) {
        authorities->next = authorities->current;
        authorities->current = old;
        return false;
    }
    authority_done(&old);
    X509_free(authorities->next_cross);
    authorities->next_cross = NULL;
    certificate_list_free(authorities->cross);
    authorities->cross = take_pointer(&chain);
    return true;
}

size_t authorities_drop(struct authorities *authorities, time_t now)
{
    size_t kept = 0, count = authorities->retired_count;
    for (size_t i = 0; i < count; i++) {
        if (now < authorities->retired[i].until)
            authorities->retired[kept++] = authorities->retired[i];
        else
            X509_free(authorities->retired[i].certificate);
    }
    authorities->retired_count = kept;
    return count - kept;
}

bool authorities_make_bundle(const struct authorities *authorities, struct error *error,
                             certificate_list **result)
{
    _cleanup_(certificate_list_freep) certificate_list *bundle = sk_X509_new_null();
    if (!bundle)
        return error_set_no_memory(error);
    if (!certificate_list_add(bundle, authorities->current.certificate, error) ||
        (authorities->next.certificate &&
         !certificate_list_add(bundle, authorities->next.certificate, error)))
        return false;
    for (size_t i = 0; i < authorities->retired_count; i++)
        if (!certificate_list_add(bundle, authorities->retired[i].certificate, error))
            return false;
    *result = take_pointer(&bundle);
    return true;
}

bool authorities_contain(const struct authorities *authorities, const X509 *certificate)
{
    const struct authority *signers[] = {&authorities->current, &authorities->next};
    for (size_t i = 0; i < sizeof signers / sizeof *signers; i++)
        if (signers[i]->certificate && X509_cmp(signers[i]->certificate, certificate) == 0)
            return true;
    for (size_t i = 0; i < authorities->retired_count; i++)
        if (X509_cmp(authorities->retired[i].certificate, certificate) == 0)
            return true;
    return false;
}
