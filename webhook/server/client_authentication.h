/* Which TLS clients may ask for admission: those with a certificate from the configured authority and, when
 * names are configured, one of these names. Source: shared facts on admission (the API server presents a
 * certificate only when its administrator configured one, so this is off by default).
 *
 * A client without a usable certificate still completes its handshake and is refused per request, with a
 * message, so that the kubelet, which has no certificate, can probe health on the same port.
 */
#pragma once

#include "common/cleanup.h"
#include "common/error.h"

#include <gnutls/gnutls.h>
#include <stddef.h>
#include <time.h>

/* Most certificates a client may present. */
#define CLIENT_CHAIN 8
/* Largest file of authorities. */
#define CLIENT_AUTHORITY_BYTES (1024u * 1024)

struct client_authentication;

/* Reads the PEM authorities in `authority_path`. `names` are the allowed common names or subject alternative
 * names (DNS, URI, e-mail), compared exactly; none: every client of the authorities. The path and the names
 * must outlive the result, which the caller frees. Errors name the file. */
bool client_authentication_new(const char *authority_path, const char *const *names, size_t name_count,
                               struct error *error,
                               struct client_authentication **authentication) _warn_unused_result_;
void client_authentication_free(struct client_authentication *authentication);
DEFINE_POINTER_CLEANUP(struct client_authentication *, client_authentication_free)

/* Reads the authorities again; on failure the old ones stay. */
bool client_authentication_reload(struct client_authentication *authentication,
                                  struct error *error) _warn_unused_result_;

/* Changes with every reload, so that a cached answer can be told to be old. Never 0. */
unsigned client_authentication_generation(struct client_authentication *authentication);

/* When the last of the authorities expires: from then on no client is accepted. 0 when that cannot be told.
 */
time_t client_authentication_expiry(struct client_authentication *authentication);

/* Whether the client of this established session may ask; ERROR_PERMISSION_DENIED with the reason otherwise.
 * From any thread. */
bool client_authentication_check(struct client_authentication *authentication, gnutls_session_t session,
                                 struct error *error) _warn_unused_result_;
