/* Making certificates: authorities that sign themselves, one authority vouching for another, and what they
 * sign for servers and clients. Pure but for random serial numbers: keys and time are given.
 *
 * Not for: when to make them (certs/rotation.h).
 */
#pragma once

#include "certs/certificate.h"
#include "certs/key.h"
#include "certs/names.h"

/* Certificates are valid from this long before they are made, so that a client whose clock is late accepts
 * them. */
#define ISSUE_BACKDATE_S 300

/* Every authority of ours is called this, with the first digits of its key's identifier behind it, so that
 * no two have the same name. */
#define ISSUE_AUTHORITY_NAME "OpenShell Injector CA"

/* An authority: the certificate and the key it signs with. The members are the holder's. */
struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Releases both; accepts a zeroed struct. */
void authority_done(struct authority *authority);

/* Makes a key and a certificate signed by it, valid until `now` + `life_s`. The caller owns `*authority`. */
bool issue_authority(enum key_algorithm algorithm, time_t now, time_t life_s, struct error *error,
                     struct authority *authority) _warn_unused_result_;

/* True for a certificate that issue_authority could have made: our name, signed by itself. */
bool issue_is_own_authority(X509 *certificate);

/* A certificate for the key and name of `subject`, signed by `issuer`: whoever trusts `issuer` then trusts
 * what `subject` signs. Valid as long as both are. The caller owns `*certificate`. */
bool issue_cross(const struct authority *issuer, X509 *subject, time_t now, struct error *error,
                 X509 **certificate) _warn_unused_result_;

/* A certificate for a TLS server with these names and this key, valid until `now` + `life_s` but not longer
 * than `issuer`. ERROR_FAILED_PRECONDITION when `issuer` is not valid at `now`. */
bool issue_server(const struct authority *issuer, const EVP_PKEY *key, const struct certificate_names *names,
                  time_t now, time_t life_s, struct error *error, X509 **certificate) _warn_unused_result_;

/* The same for a TLS client, known by `common_name` (at most 64 bytes). */
bool issue_client(const struct authority *issuer, const EVP_PKEY *key, const char *common_name, time_t now,
                  time_t life_s, struct error *error, X509 **certificate) _warn_unused_result_;
