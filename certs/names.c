#include "certs/names.h"

#include "certs/openssl_failure.h"
#include "common/cleanup.h"
#include "common/syntax.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

DEFINE_POINTER_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)
DEFINE_POINTER_CLEANUP(GENERAL_NAME *, GENERAL_NAME_free)

/* The bytes of a numeric address: 4, 16, or 0 when it is none. */
static int parse_address(const char *text, unsigned char bytes[static 16])
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool is_name(const char *name)
{
    unsigned char address[16];
    if (parse_address(name, address))
        return true;
    return syntax_is_dns_subdomain(strncmp(name, "*.", 2) == 0 ? name + 2 : name);
}

void certificate_names_done(struct certificate_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    *names = (struct certificate_names){0};
}

bool certificate_names_add(struct certificate_names *names, const char *name, struct error *error)
{
    if (strlen(name) > CERTIFICATE_NAME_BYTES || !is_name(name))
        return error_set(error, ERROR_INVALID, "\"%s\" is neither a DNS name nor an IP address", name);
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    if (names->count == CERTIFICATE_NAMES_MAXIMUM)
        return error_set(error, ERROR_TOO_LARGE, "more than %d names for a certificate",
                         CERTIFICATE_NAMES_MAXIMUM);
    char *copy = strdup(name);
    if (!copy)
        return error_set_no_memory(error);
    names->items[names->count++] = copy;
    return true;
}

bool certificate_names_add_service(struct certificate_names *names, const char *service,
                                   const char *namespace_name, const char *cluster_domain,
                                   struct error *error)
{
    if (!syntax_is_dns_label(service))
        return error_set(error, ERROR_INVALID, "\"%s\" is no name of a Service", service);
    if (!syntax_is_dns_label(namespace_name))
        return error_set(error, ERROR_INVALID, "\"%s\" is no name of a namespace", namespace_name);
    if (!syntax_is_dns_subdomain(cluster_domain))
        return error_set(error, ERROR_INVALID, "\"%s\" is no cluster domain", cluster_domain);
    char name[4 * (CERTIFICATE_NAME_BYTES + 1)];
    snprintf(name, sizeof name, "%s.%s.svc", service, namespace_name);
    if (!certificate_names_add(names, name, error))
        return false;
    snprintf(name, sizeof name, "%s.%s.svc.%s", service, namespace_name, cluster_domain);
    if (!certificate_names_add(names, name, error))
        return false;
    snprintf(name, sizeof name, "%s.%s", service, namespace_name);
    return certificate_names_add(names, name, error) && certificate_names_add(names, service, error);
}

/* NULL when memory is short. */
static GENERAL_NAME *make_name(const char *name)
{
    unsigned char address[16];
    int address_bytes = parse_address(name, address);
    _cleanup_(GENERAL_NAME_freep) GENERAL_NAME *general_name = GENERAL_NAME_new();
    ASN1_STRING *value = address_bytes ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    if (!general_name || !value ||
        ASN1_STRING_set(value, address_bytes ? (const void *) address : name,
                        address_bytes ? address_bytes : -1) != 1) {
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(general_name, address_bytes ? GEN_IPADD : GEN_DNS, value);
    return take_pointer(&general_name);
}

bool certificate_names_make(const struct certificate_names *names, struct error *error,
                            GENERAL_NAMES **general_names)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *made = sk_GENERAL_NAME_new_null();
    if (!made)
        return error_set_no_memory(error);
    for (size_t i = 0; i < names->count; i++) {
        _cleanup_(GENERAL_NAME_freep) GENERAL_NAME *name = make_name(names->items[i]);
        if (!name || sk_GENERAL_NAME_push(made, name) <= 0)
            return openssl_set_failure(error, ERROR_NO_MEMORY, "cannot make a certificate's names");
        take_pointer(&name);
    }
    *general_names = take_pointer(&made);
    return true;
}

/* The text of a DNS name or an address; false for any other kind, and for bytes that are no name. */
static bool print_name(const GENERAL_NAME *general_name, char text[CERTIFICATE_NAME_BYTES + 1])
{
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(general_name, &type);
    const unsigned char *data = ASN1_STRING_get0_data(value);
    int length = ASN1_STRING_length(value);
    if (type == GEN_IPADD && (length == 4 || length == 16))
        return inet_ntop(length == 4 ? AF_INET : AF_INET6, data, text, CERTIFICATE_NAME_BYTES + 1) != NULL;
    if (type != GEN_DNS || length > CERTIFICATE_NAME_BYTES || memchr(data, '\0', (size_t) length))
        return false;
    memcpy(text, data, (size_t) length);
    text[length] = '\0';
    return is_name(text);
}

bool certificate_names_read(const X509 *certificate, struct error *error, struct certificate_names *names)
{
    struct certificate_names found = {0};
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *general_names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; general_names && i < sk_GENERAL_NAME_num(general_names); i++) {
        char text[CERTIFICATE_NAME_BYTES + 1];
        if (print_name(sk_GENERAL_NAME_value(general_names, i), text) &&
            !certificate_names_add(&found, text, error)) {
            certificate_names_done(&found);
            return false;
        }
    }
    *names = found;
    return true;
}
