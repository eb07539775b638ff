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
    time_t not_before;
    time_t not_after;
    time_t renewal; /* when to make the next */
};

/* Releases everything; accepts a zeroed struct. */
void leaf_done(struct leaf *leaf);

/* Whether the next one is to be made: the time of the renewal has come, or the leaf is not valid yet, because
 * the clock was fast when it was made and was put right since. True for a zeroed leaf. */
bool leaf_is_due(const struct leaf *leaf, time_t now);

/* What is to be made. */
struct leaf_plan {
    const struct authority *signer;
    const certificate_list *cross; /* of the signer; NULL: none */
    /* Cross certificates that end within this time are left out, and those behind them; when one that is
     * served ends, the next leaf is due so long before. */
    time_t cross_life_s;
    const struct certificate_names *names;
    const struct rotation_policy *policy;
    uint32_t random; /* spreads the renewal */
};

/* Makes a key and has the signer sign it. ERROR_FAILED_PRECONDITION when the signer is not valid at `now`.
 * The caller owns `*leaf`. */
bool leaf_issue(const struct leaf_plan *plan, time_t now, struct error *error,
                struct leaf *leaf) _warn_unused_result_;
