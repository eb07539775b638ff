#include "webhook/server/client_authentication.h"

#include "common/file.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Longest name of a certificate that is looked at. */
#define NAME_BYTES 256

struct client_authentication {
    const char *path;
    const char *const *names;
    size_t name_count;
    pthread_rwlock_t lock;
    gnutls_x509_trust_list_t authorities; /* under the lock, as is what follows */
    time_t expiry;
    atomic_uint generation;
};

/* The certificates that a client presented, parsed. */
struct client_chain {
    gnutls_x509_crt_t items[CLIENT_CHAIN];
    unsigned count;
};

/* When the last of them expires; 0 when that cannot be told. */
static time_t last_expiry(const gnutls_datum_t *pem)
{
    time_t last = 0;
    unsigned count = 0;
    gnutls_x509_crt_t *list = NULL;
    if (gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0) < 0)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        time_t end = gnutls_x509_crt_get_expiration_time(list[i]);
        last = end > last ? end : last;
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return last;
}

static bool read_authorities(const char *path, struct error *error, gnutls_x509_trust_list_t *result,
                             time_t *expiry)
{
    _cleanup_(freep) char *text = NULL;
    size_t length = 0;
    gnutls_x509_trust_list_t list = NULL;
    if (!file_read(path, CLIENT_AUTHORITY_BYTES, error, &text, &length))
        return false;
    if (gnutls_x509_trust_list_init(&list, 0) < 0)
        return error_set_no_memory(error);
    gnutls_datum_t pem = {.data = (unsigned char *) text, .size = (unsigned) length};
    int count = gnutls_x509_trust_list_add_trust_mem(list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (count <= 0) {
        gnutls_x509_trust_list_deinit(list, 1);
        return error_set(error, ERROR_INVALID, "\"%s\": %s", path,
                         count < 0 ? gnutls_strerror(count) : "no certificate in it");
    }
    *result = list;
    *expiry = last_expiry(&pem);
    return true;
}

bool client_authentication_reload(struct client_authentication *authentication, struct error *error)
{
    time_t expiry = 0;
    gnutls_x509_trust_list_t fresh = NULL;
    if (!read_authorities(authentication->path, error, &fresh, &expiry))
        return false;
    pthread_rwlock_wrlock(&authentication->lock);
    gnutls_x509_trust_list_t old = authentication->authorities;
    authentication->authorities = fresh;
    authentication->expiry = expiry;
    atomic_fetch_add(&authentication->generation, 1);
    pthread_rwlock_unlock(&authentication->lock);
    if (old)
        gnutls_x509_trust_list_deinit(old, 1);
    return true;
}

bool client_authentication_new(const char *authority_path, const char *const *names, size_t name_count,
                               struct error *error, struct client_authentication **result)
{
    struct client_authentication *authentication = calloc(1, sizeof *authentication);
    if (!authentication)
        return error_set_no_memory(error);
    authentication->path = authority_path;
    authentication->names = names;
    authentication->name_count = name_count;
    pthread_rwlock_init(&authentication->lock, NULL);
    if (!client_authentication_reload(authentication, error)) {
        client_authentication_free(authentication);
        return false;
    }
    *result = authentication;
    return true;
}

void client_authentication_free(struct client_authentication *authentication)
{
    if (!authentication)
        return;
    if (authentication->authorities)
        gnutls_x509_trust_list_deinit(authentication->authorities, 1);
    pthread_rwlock_destroy(&authentication->lock);
    free(authentication);
}

unsigned client_authentication_generation(struct client_authentication *authentication)
{
    return atomic_load_explicit(&authentication->generation, memory_order_relaxed);
}

time_t client_authentication_expiry(struct client_authentication *authentication)
{
    pthread_rwlock_rdlock(&authentication->lock);
    time_t expiry = authentication->expiry;
    pthread_rwlock_unlock(&authentication->lock);
    return expiry;
}

static void chain_done(struct client_chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++)
        gnutls_x509_crt_deinit(chain->items[i]);
    chain->count = 0;
}

static bool chain_append(struct client_chain *chain, const gnutls_datum_t *der)
{
    gnutls_x509_crt_t certificate = NULL;
    if (gnutls_x509_crt_init(&certificate) < 0)
        return false;
    chain->items[chain->count++] = certificate;
    return gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) >= 0;
}

static bool read_chain(gnutls_session_t session, struct error *error, struct client_chain *chain)
{
    unsigned count = 0;
    const gnutls_datum_t *presented = gnutls_certificate_get_peers(session, &count);
    if (!presented || count == 0)
        return error_set(error, ERROR_PERMISSION_DENIED, "a client certificate is required");
    if (count > CLIENT_CHAIN)
        return error_set(error, ERROR_PERMISSION_DENIED, "the client presents more than %d certificates",
                         CLIENT_CHAIN);
    for (unsigned i = 0; i < count; i++)
        if (!chain_append(chain, &presented[i]))
            return error_set(error, ERROR_PERMISSION_DENIED, "the client's certificate cannot be read");
    return true;
}

static bool verify_chain(struct client_authentication *authentication, struct client_chain *chain,
                         struct error *error)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *) (uintptr_t) GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = GNUTLS_CERT_INVALID;
    pthread_rwlock_rdlock(&authentication->lock);
    int failure = gnutls_x509_trust_list_verify_crt2(authentication->authorities, chain->items, chain->count,
                                                     &purpose, 1, 0, &status, NULL);
    pthread_rwlock_unlock(&authentication->lock);
    if (failure < 0 || status & ~(unsigned) (GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED |
                                             GNUTLS_CERT_NOT_ACTIVATED | GNUTLS_CERT_PURPOSE_MISMATCH))
        return error_set(error, ERROR_PERMISSION_DENIED,
                         "the client's certificate is not from the configured authority");
    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
        return error_set(error, ERROR_PERMISSION_DENIED,
                         "the client's certificate has expired or is not valid yet");
    if (status)
        return error_set(error, ERROR_PERMISSION_DENIED, "the client's certificate is not for TLS clients");
    return true;
}

static bool is_allowed_name(const struct client_authentication *authentication, const char *name,
                            size_t length)
{
    for (size_t i = 0; i < authentication->name_count; i++)
        if (strlen(authentication->names[i]) == length && memcmp(authentication->names[i], name, length) == 0)
            return true;
    return false;
}

static bool has_allowed_common_name(const struct client_authentication *authentication,
                                    gnutls_x509_crt_t certificate)
{
    char name[NAME_BYTES];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof name;
        int result =
            gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, i, 0, name, &size);
        if (result == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (result < 0)
            return false;
        if (is_allowed_name(authentication, name, size))
            return true;
    }
}

static bool has_allowed_alternative_name(const struct client_authentication *authentication,
                                         gnutls_x509_crt_t certificate)
{
    char name[NAME_BYTES];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof name;
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            return false;
        bool is_text = type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_URI || type == GNUTLS_SAN_RFC822NAME;
        if (is_text && is_allowed_name(authentication, name, size))
            return true;
    }
}

bool client_authentication_check(struct client_authentication *authentication, gnutls_session_t session,
                                 struct error *error)
{
    _cleanup_(chain_done) struct client_chain chain = {.count = 0};
    if (!read_chain(session, error, &chain) || !verify_chain(authentication, &chain, error))
        return false;
    if (authentication->name_count == 0 || has_allowed_common_name(authentication, chain.items[0]) ||
        has_allowed_alternative_name(authentication, chain.items[0]))
        return true;
    return error_set(error, ERROR_PERMISSION_DENIED,
                     "the client's certificate has none of the allowed names");
}
