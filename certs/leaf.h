/* A serving certificate with its key and the chain it is served with: made here, kept in memory only.
 */
#pragma once

#include "certs/authorities.h"
#include "certs/rotation.h"

/* Owned throughout. */
struct leaf {
    certificate_list *chain; /* the certificate, then the cross certificates of its authority */
    char *chain_pem;
    char *key_pem; /* wiped when freed */
    time_t not_after;
    time_t renewal; /* when to make the next */
};

/* Releases everything; accepts a zeroed struct. */
void leaf_done(struct leaf *leaf);

/* Makes a key and has `signer` sign it for `names`. Cross certificates that have ended are left out. `random`
 * spreads the renewal. ERROR_FAILED_PRECONDITION when the signer is not valid at `now`. The caller owns
 * `*leaf`. */
bool leaf_issue(const struct authority *signer, const certificate_list *cross,
                const struct certificate_names *names, const struct rotation_policy *policy, time_t now,
                uint32_t random, struct error *error, struct leaf *leaf) _warn_unused_result_;
