/* The connections of one client: takes an idle one or makes one, runs an exchange on it, keeps it for the
 * next. Thread-safe; as many connections at a time as there are exchanges. Internal to kubernetes/.
 */
#pragma once

#include "common/cleanup.h"
#include "kubernetes/configuration.h"
#include "kubernetes/exchange.h"

/* Idle connections kept for the next exchanges. */
#define TRANSPORT_IDLE_CONNECTIONS 8u

struct transport;

/* `configuration` outlives the transport. Fails when the server's URL is none (ERROR_INVALID), a credential
 * file cannot be read, or memory is short. */
bool transport_new(const struct kubernetes_configuration *configuration, const char *user_agent,
                   struct error *error, struct transport **transport) _warn_unused_result_;
void transport_free(struct transport *transport);
DEFINE_POINTER_CLEANUP(struct transport *, transport_free)

/* As connection_perform. */
bool transport_perform(struct transport *transport, const struct exchange *exchange, struct error *error,
                       struct exchange_result *result) _warn_unused_result_;
