/* Calls the gateway's public gRPC service to renew a sandbox's token (contract/gateway-driver.md E.2).
 *
 * Not for: anything else of the gateway.
 */
#pragma once

#include "common/error.h"

/* One call's limit. */
#define GATEWAY_CALL_SECONDS 30

/* PEM files are read when the channel is made; NULL or "": none. */
struct gateway_client_options {
    const char *endpoint; /* "http://host:port" or "https://host:port" */
    const char *authority_file;
    const char *certificate_file;
    const char *key_file;
    const char *server_name; /* verified instead of the host */
};

struct gateway_client;

/* Makes no connection yet. grpc_init must have been called. ERROR_INVALID, ERROR_IO. The caller owns
 * `*client`. */
bool gateway_client_new(const struct gateway_client_options *options, struct error *error,
                        struct gateway_client **client) _warn_unused_result_;
void gateway_client_free(struct gateway_client *client);

/* Exchanges `token` for a younger one, which the caller owns and must wipe. Blocks for up to
 * GATEWAY_CALL_SECONDS. ERROR_PERMISSION_DENIED: the gateway does not take the old token (it has expired, or
 * its sandbox is gone); ERROR_UNAVAILABLE, ERROR_TIMEOUT: try again; messages never hold a token. */
bool gateway_client_renew_token(struct gateway_client *client, const char *token, struct error *error,
                                char **renewed) _warn_unused_result_;
