/* Where a server gets the certificate of its next handshake from: files that are reloaded, or the injector's
 * own authority. An implementation hands out a `struct certificate_source` that lives as long as itself.
 */
#pragma once

#include "webhook/server/serving_certificate.h"

struct certificate_source {
    /* The newest usable certificate, with a reference that the caller releases; NULL when there is none,
     * which fails the handshake. Called in every handshake, from several threads: quick, and never blocks on
     * anything slower than a mutex. */
    struct serving_certificate *(*acquire)(void *context);

    /* Whether clients can be expected to accept that certificate now; else says why not. For readiness. */
    bool (*check)(void *context, struct error *error);

    void *context;
};
