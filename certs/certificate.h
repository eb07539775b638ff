/* X.509 certificates: read from PEM, written as PEM, looked at, verified.
 *
 * Not for: making them (certs/issue.h).
 */
#pragma once

#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/error.h"

#include <openssl/x509.h>
#include <stddef.h>
#include <time.h>

/* Largest PEM text of a list of certificates, and most certificates in it. */
#define CERTIFICATE_PEM_BYTES (256u * 1024)
#define CERTIFICATE_LIST_MAXIMUM 32

/* The SHA-256 of the whole certificate as lower-case hex, with its NUL. */
#define CERTIFICATE_FINGERPRINT_BYTES 65

/* An owned list, certificates included. */
typedef STACK_OF(X509) certificate_list;
void certificate_list_free(certificate_list *list);
DEFINE_POINTER_CLEANUP(certificate_list *, certificate_list_free)
DEFINE_POINTER_CLEANUP(X509 *, X509_free)

/* Reads every certificate in `pem`; text between the blocks is passed over. ERROR_INVALID: no certificate, a
 * block that is cut off, is no certificate or holds bytes behind it. ERROR_TOO_LARGE: past one of the limits.
 * The caller owns `*list`. */
bool certificate_list_parse(const char *pem, size_t length, struct error *error,
                            certificate_list **list) _warn_unused_result_;

/* The same for exactly one. */
bool certificate_parse(const char *pem, size_t length, struct error *error,
                       X509 **certificate) _warn_unused_result_;

/* Appends as PEM. Fails as the buffer does, or with ERROR_NO_MEMORY. */
bool certificate_append_pem(X509 *certificate, struct error *error, struct buffer *pem) _warn_unused_result_;
bool certificate_list_append_pem(const certificate_list *list, struct error *error,
                                 struct buffer *pem) _warn_unused_result_;

/* Puts one more reference to `certificate` at the list's end. */
bool certificate_list_add(certificate_list *list, X509 *certificate,
                          struct error *error) _warn_unused_result_;

/* Whether this very certificate is in the list; NULL holds none. */
bool certificate_list_contains(const certificate_list *list, const X509 *certificate);

/* First and last second of its validity; false for a date that is none. */
bool certificate_read_validity(const X509 *certificate, struct error *error, time_t *not_before,
                               time_t *not_after) _warn_unused_result_;

/* ERROR_FAILED_PRECONDITION unless it is valid at `now`, and will be for `margin_s`; the message begins with
 * `what` and says how much time is left, in days, and less than a day in hours, minutes or seconds.
 * ERROR_INVALID for a date that is none. */
bool certificate_check_time(const X509 *certificate, time_t now, time_t margin_s, const char *what,
                            struct error *error) _warn_unused_result_;

bool certificate_read_fingerprint(const X509 *certificate, struct error *error,
                                  char hex[static CERTIFICATE_FINGERPRINT_BYTES]) _warn_unused_result_;

/* ERROR_INVALID when `key` is not the key of the certificate. */
bool certificate_check_key(const X509 *certificate, const EVP_PKEY *key,
                           struct error *error) _warn_unused_result_;

/* ERROR_INVALID when it may not sign certificates or is not signed by its own key. */
bool certificate_check_authority(X509 *certificate, struct error *error) _warn_unused_result_;

/* Verifies the first certificate of `chain`, with the rest of it as a help, as a TLS client would that trusts
 * `roots`, expects `host` (NULL: any name) and has the clock at `now`. ERROR_FAILED_PRECONDITION with the
 * reason. */
bool certificate_verify(const certificate_list *chain, const certificate_list *roots, const char *host,
                        time_t now, struct error *error) _warn_unused_result_;
