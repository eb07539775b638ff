/* Authorities and certificates for tests, made at a fixed moment. All helpers fail the running test when they
 * cannot do their work.
 */
#pragma once

#include "certs/authorities.h"
#include "certs/leaf.h"

/* 2026-01-01T00:00:00Z: the clock of the tests. */
#define FIXTURE_NOW ((time_t) 1767225600)
#define FIXTURE_DAY ((time_t) 86400)
#define FIXTURE_CROSS_LIFE_S ((time_t) 60)
#define FIXTURE_HOST "injector.openshell.svc"

/* Default algorithm, 365 days, made at FIXTURE_NOW. */
struct authorities certs_fixture_authorities(void);

/* The policy that goes with them: leaves of 7 days, 10 s of propagation. */
struct rotation_policy certs_fixture_policy(void);

/* A leaf of the current authority for FIXTURE_HOST, made at `now`, without cross certificates that end within
 * FIXTURE_CROSS_LIFE_S. */
struct leaf certs_fixture_leaf(const struct authorities *authorities, time_t now);

/* A list of this one certificate. */
certificate_list *certs_fixture_list(X509 *certificate);

/* PEM of one certificate; the caller frees. */
char *certs_fixture_pem(X509 *certificate);
