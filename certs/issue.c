#include "certs/issue.h"

#include "certs/openssl_failure.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_BYTES 16
#define COMMON_NAME_BYTES 64
/* Of the digits of the key's identifier in an authority's name. */
#define AUTHORITY_MARK_BYTES 4
#define SERVER_COMMON_NAME "openshell-injector"

DEFINE_POINTER_CLEANUP(X509_NAME *, X509_NAME_free)
DEFINE_POINTER_CLEANUP(BIGNUM *, BN_free)
DEFINE_POINTER_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

/* What differs between the kinds of certificates. */
struct plan {
    const X509_NAME *subject;
    EVP_PKEY *subject_key; /* its public half */
    X509 *issuer;          /* NULL: signs itself */
    EVP_PKEY *issuer_key;
    time_t not_before;
    time_t not_after;
    const char *constraints;
    const char *usage;
    const char *extended_usage;        /* NULL: none */
    const GENERAL_NAMES *alternatives; /* NULL: none */
};

void authority_done(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    *authority = (struct authority){0};
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    /* Positive, and of full length. */
    bytes[0] = (unsigned char) ((bytes[0] & 0x7f) | 0x40);
    _cleanup_(BN_freep) BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool add_extensions(X509 *certificate, const struct plan *plan)
{
    X509 *issuer = plan->issuer ? plan->issuer : certificate;
    return add_extension(certificate, issuer, NID_basic_constraints, plan->constraints) &&
           add_extension(certificate, issuer, NID_key_usage, plan->usage) &&
           (!plan->extended_usage ||
            add_extension(certificate, issuer, NID_ext_key_usage, plan->extended_usage)) &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           (!plan->alternatives || X509_add1_ext_i2d(certificate, NID_subject_alt_name,
                                                     (void *) (uintptr_t) plan->alternatives, 0, 0) == 1);
}

static bool sign(const struct plan *plan, struct error *error, X509 **result)
{
    _cleanup_(X509_freep) X509 *certificate = X509_new();
    const X509_NAME *issuer_name = plan->issuer ? X509_get_subject_name(plan->issuer) : plan->subject;
    if (!certificate || X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
        X509_set_subject_name(certificate, plan->subject) != 1 ||
        X509_set_issuer_name(certificate, issuer_name) != 1 ||
        !ASN1_TIME_set(X509_getm_notBefore(certificate), plan->not_before) ||
        !ASN1_TIME_set(X509_getm_notAfter(certificate), plan->not_after) ||
        X509_set_pubkey(certificate, plan->subject_key) != 1 || !add_extensions(certificate, plan) ||
        X509_sign(certificate, plan->issuer_key, key_signature_digest(plan->issuer_key)) <= 0)
        return openssl_set_failure(error, ERROR_INTERNAL, "cannot make a certificate");
    /* The extensions were added one by one: read them back as everybody else will. */
    if (X509_check_purpose(certificate, -1, 0) != 1)
        return openssl_set_failure(error, ERROR_INTERNAL, "made a certificate that cannot be read");
    *result = take_pointer(&certificate);
    return true;
}

static bool make_name(const char *common_name, struct error *error, X509_NAME **result)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    if (!name || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                            (const unsigned char *) common_name, -1, -1, 0) != 1)
        return openssl_set_failure(error, ERROR_NO_MEMORY, "cannot make a certificate's name");
    *result = take_pointer(&name);
    return true;
}

static bool make_authority_name(const EVP_PKEY *key, struct error *error, X509_NAME **name)
{
    unsigned char *encoded = NULL, digest[EVP_MAX_MD_SIZE];
    int length = i2d_PUBKEY(key, &encoded);
    bool is_hashed =
        length > 0 && EVP_Digest(encoded, (size_t) length, digest, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(encoded);
    if (!is_hashed)
        return openssl_set_failure(error, ERROR_NO_MEMORY, "cannot name an authority");
    char text[COMMON_NAME_BYTES];
    int used = snprintf(text, sizeof text, "%s ", ISSUE_AUTHORITY_NAME);
    for (int i = 0; i < AUTHORITY_MARK_BYTES; i++)
        used += snprintf(text + used, sizeof text - (size_t) used, "%02x", digest[i]);
    return make_name(text, error, name);
}

bool issue_authority(enum key_algorithm algorithm, time_t now, time_t life_s, struct error *error,
                     struct authority *authority)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    if (!key_generate(algorithm, error, &key) || !make_authority_name(key, error, &name))
        return false;
    X509 *certificate = NULL;
    const struct plan plan = {
        .subject = name,
        .subject_key = key,
        .issuer_key = key,
        .not_before = now - ISSUE_BACKDATE_S,
        .not_after = now + life_s,
        .constraints = "critical,CA:TRUE",
        .usage = "critical,keyCertSign,cRLSign",
    };
    if (!sign(&plan, error, &certificate))
        return false;
    *authority = (struct authority){.certificate = certificate, .key = take_pointer(&key)};
    return true;
}

bool issue_is_own_authority(X509 *certificate)
{
    char name[COMMON_NAME_BYTES + 1];
    int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    return length > 0 && strncmp(name, ISSUE_AUTHORITY_NAME " ", sizeof ISSUE_AUTHORITY_NAME) == 0 &&
           certificate_check_authority(certificate, NULL);
}

/* The part of now + life that lies within the issuer's validity. */
static bool fit_validity(X509 *issuer, time_t now, time_t life_s, struct error *error, struct plan *plan)
{
    time_t not_before = 0, not_after = 0;
    if (!certificate_read_validity(issuer, error, &not_before, &not_after))
        return false;
    if (now < not_before || now >= not_after)
        return error_set(error, ERROR_FAILED_PRECONDITION, "the authority %s",
                         now < not_before ? "is not valid yet by this machine's clock" : "has expired");
    plan->not_before = now - ISSUE_BACKDATE_S > not_before ? now - ISSUE_BACKDATE_S : not_before;
    plan->not_after = life_s < not_after - now ? now + life_s : not_after;
    return true;
}

bool issue_cross(const struct authority *issuer, X509 *subject, time_t now, struct error *error,
                 X509 **certificate)
{
    time_t start = 0, end = 0;
    if (!certificate_read_validity(subject, error, &start, &end))
        return false;
    struct plan plan = {
        .subject = X509_get_subject_name(subject),
        .subject_key = X509_get0_pubkey(subject),
        .issuer = issuer->certificate,
        .issuer_key = issuer->key,
        .constraints = "critical,CA:TRUE",
        .usage = "critical,keyCertSign,cRLSign",
    };
    return fit_validity(issuer->certificate, now, end - now, error, &plan) && sign(&plan, error, certificate);
}

static bool issue_end_entity(const struct authority *issuer, const EVP_PKEY *key, const char *common_name,
                             const char *extended_usage, const GENERAL_NAMES *alternatives, time_t now,
                             time_t life_s, struct error *error, X509 **certificate)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    if (!make_name(common_name, error, &name))
        return false;
    struct plan plan = {
        .subject = name,
        .subject_key = (EVP_PKEY *) (uintptr_t) key,
        .issuer = issuer->certificate,
        .issuer_key = issuer->key,
        .constraints = "critical,CA:FALSE",
        .usage = "critical,digitalSignature",
        .extended_usage = extended_usage,
        .alternatives = alternatives,
    };
    return fit_validity(issuer->certificate, now, life_s, error, &plan) && sign(&plan, error, certificate);
}

bool issue_server(const struct authority *issuer, const EVP_PKEY *key, const struct certificate_names *names,
                  time_t now, time_t life_s, struct error *error, X509 **certificate)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *alternatives = NULL;
    return certificate_names_make(names, error, &alternatives) &&
           issue_end_entity(issuer, key, SERVER_COMMON_NAME, "serverAuth", alternatives, now, life_s, error,
                            certificate);
}

bool issue_client(const struct authority *issuer, const EVP_PKEY *key, const char *common_name, time_t now,
                  time_t life_s, struct error *error, X509 **certificate)
{
    if (strlen(common_name) > COMMON_NAME_BYTES)
        return error_set(error, ERROR_INVALID, "the client's name is longer than %d bytes",
                         COMMON_NAME_BYTES);
    return issue_end_entity(issuer, key, common_name, "clientAuth", NULL, now, life_s, error, certificate);
}
