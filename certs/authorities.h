/* The authorities of an installation: the one that signs, the one that will, and those that signed before and
 * are still trusted. All of them together are the caBundle.
 *
 * An authority is replaced in steps, so that at no moment a certificate is served that a client cannot
 * verify:
 *
 *   prepare   a next authority is made; the bundle holds it, nobody signs with it
 *   promote   once every bundle holds it, it signs; the one before is retired: trusted, but its key is gone
 *   drop      when the last certificate it signed has expired, the retired one leaves the bundle
 *
 * Each new authority is also signed by the one before, and that cross certificate is served along: a client
 * whose bundle is older, because somebody put an old one back, still verifies as long as an authority in it
 * is valid.
 *
 * Pure but for random keys: the time is given. Not for: when to take a step (certs/rotation.h), where the
 * authorities are kept (certs/secret_store.h, certs/file_store.h).
 */
#pragma once

#include "certs/certificate.h"
#include "certs/issue.h"

/* Most retired authorities, and most cross certificates served with a serving certificate. */
#define AUTHORITIES_RETIRED_MAXIMUM 8
#define AUTHORITIES_CROSS_MAXIMUM 6

struct retired_authority {
    X509 *certificate;
    time_t until; /* when it leaves the bundle */
};

/* Owned throughout. */
struct authorities {
    struct authority current;
    certificate_list *cross; /* current's key signed by its predecessor, that one's by its, ...; never NULL */
    struct authority next;   /* both NULL: none */
    X509 *next_cross;        /* next's key signed by current; NULL: none */
    struct retired_authority retired[AUTHORITIES_RETIRED_MAXIMUM];
    size_t retired_count;
};

/* Releases everything; accepts a zeroed struct. */
void authorities_done(struct authorities *authorities);

/* A first authority alone. The caller owns `*authorities`. */
bool authorities_create(enum key_algorithm algorithm, time_t now, time_t life_s, struct error *error,
                        struct authorities *authorities) _warn_unused_result_;

/* Another holder of the same keys and certificates. The caller owns `*copy`. */
bool authorities_copy(const struct authorities *authorities, struct error *error,
                      struct authorities *copy) _warn_unused_result_;

/* Makes the next authority. ERROR_ALREADY_EXISTS when there is one. */
bool authorities_prepare(struct authorities *authorities, enum key_algorithm algorithm, time_t now,
                         time_t life_s, struct error *error) _warn_unused_result_;

/* Lets the next authority sign and retires the current one until `retired_until`, or its own end if that is
 * earlier. ERROR_FAILED_PRECONDITION when there is no next, or too many are retired already. */
bool authorities_promote(struct authorities *authorities, time_t now, time_t retired_until,
                         struct error *error) _warn_unused_result_;

/* Adds an authority that is not ours to sign with any more to the retired ones; nothing happens when it is
 * known. ERROR_TOO_LARGE past the limit. */
bool authorities_retire(struct authorities *authorities, X509 *certificate, time_t until,
                        struct error *error) _warn_unused_result_;

/* Drops the retired authorities whose time has come; returns how many. */
size_t authorities_drop(struct authorities *authorities, time_t now);

/* Every certificate that clients must trust: current, next, retired. The caller owns `*bundle`. */
bool authorities_make_bundle(const struct authorities *authorities, struct error *error,
                             certificate_list **bundle) _warn_unused_result_;

/* Whether it is one of those. */
bool authorities_contain(const struct authorities *authorities, const X509 *certificate);
