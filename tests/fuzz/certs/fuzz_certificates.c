/* PEM of any bytes, as a bundle and as a key. What must hold: no crash, no leak; a list that is read prints,
 * and what it prints reads to the same certificates; a key that is read prints and reads to the same key. */
#include "certs/certificate.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/names.h"
#include "kubernetes/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((time_t) 1767225600)

/* Everything that is asked of a certificate of somebody else's. */
static void look_at(X509 *certificate)
{
    time_t start, end;
    char hex[CERTIFICATE_FINGERPRINT_BYTES];
    struct certificate_names names = {0};
    struct error error;
    if (!certificate_read_validity(certificate, &error, &start, &end) && error.code != ERROR_INVALID)
        abort();
    if (!certificate_read_fingerprint(certificate, &error, hex))
        abort();
    if (certificate_names_read(certificate, &error, &names))
        certificate_names_done(&names);
    if (issue_is_own_authority(certificate) && !certificate_check_authority(certificate, &error))
        abort();
}

static void try_list(const char *text, size_t length)
{
    struct error error;
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    _cleanup_(certificate_list_freep) certificate_list *again = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(2 * CERTIFICATE_PEM_BYTES);
    if (!certificate_list_parse(text, length, &error, &list))
        return;
    for (int i = 0; i < sk_X509_num(list); i++)
        look_at(sk_X509_value(list, i));
    if (certificate_verify(list, NULL, "injector.openshell.svc", NOW, &error))
        abort();
    (void) !certificate_verify(list, list, "injector.openshell.svc", NOW, &error);
    if (!certificate_list_append_pem(list, &error, &pem) ||
        !certificate_list_parse(buffer_string(&pem), pem.length, &error, &again) ||
        sk_X509_num(again) != sk_X509_num(list) ||
        X509_cmp(sk_X509_value(again, 0), sk_X509_value(list, 0)) != 0)
        abort();
}

static void try_key(const char *text, size_t length)
{
    struct error error;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *again = NULL;
    _cleanup_(secret_freep) char *pem = NULL;
    if (!key_parse_pem(text, length, &error, &key) || !key_print_pem(key, &error, &pem))
        return;
    if (!key_parse_pem(pem, strlen(pem), &error, &again) || EVP_PKEY_eq(key, again) != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_list((const char *) data, size);
    try_key((const char *) data, size);
    return 0;
}
