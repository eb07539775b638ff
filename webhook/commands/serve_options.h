/* The command line of `serve`: the server's own options, and the configuration's flags handed on unread. */
#pragma once

#include "common/buffer.h"
#include "common/log.h"
#include "webhook/commands/audit_options.h"
#include "webhook/commands/certs_options.h"
#include "webhook/injection/configuration.h"

#include <stddef.h>
#include <stdint.h>

/* Most --client-name. */
#define SERVE_CLIENT_NAMES 16

/* What was given, or its default. Strings belong to argv or are static. */
struct serve_options {
    bool wants_help;
    bool prints_configuration;
    const char *listen;
    const char *metrics_listen;
    const char
        *tls_certificate; /* NULL: not given, as are the other texts; then the injector makes its own */
    const char *tls_key;
    struct certs_options certificates;
    const char *client_authority;
    const char *client_names[SERVE_CLIENT_NAMES];
    size_t client_name_count;
    const char *configuration_file;
    const char *kubeconfig;
    uint32_t drain_delay_ms;
    uint32_t drain_timeout_ms;
    uint32_t header_timeout_ms;
    uint32_t request_timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t connections;
    uint32_t threads;
    enum log_level log_level;
    struct audit_options audit;
    struct configuration_flag *flags; /* owned, with their names */
    size_t flag_count;
};

/* Reads `argv[1]` onwards: `--name value`, `--name=value`, switches also `--name` alone. Fails with
 * ERROR_INVALID that names the option, or ERROR_NO_MEMORY. --help ends the reading. The caller owns
 * `*options` (serve_options_done). */
bool serve_options_parse(int argc, char **argv, struct error *error,
                         struct serve_options *options) _warn_unused_result_;
void serve_options_done(struct serve_options *options);

/* Appends the text of --help. */
void serve_options_append_help(struct buffer *text);
