/* Certificates and keys for tests, as PEM text made on the spot. Fails the test when something does not work.
 */
#pragma once

#include <stddef.h>
#include <time.h>

#define CERTIFICATE_TEXT_BYTES 4096

/* A certificate with its key. */
struct test_certificate {
    char certificate[CERTIFICATE_TEXT_BYTES];
    char key[CERTIFICATE_TEXT_BYTES];
};

/* What the certificate is to be; zeroed fields: a server and client certificate that signs itself, valid now.
 */
struct test_certificate_options {
    const char *common_name;               /* NULL: "test" */
    const char *dns_name;                  /* a subject alternative name; NULL: none */
    const char *uri;                       /* another; NULL: none */
    const struct test_certificate *issuer; /* NULL: itself */
    time_t not_before, not_after;          /* 0: an hour ago, in an hour */
    int is_authority;
    int is_for_servers_only;
};

void test_certificate_make(const struct test_certificate_options *options, struct test_certificate *result);
