#include "common/cleanup.h"
#include "common/json.h"
#include "common/version.h"
#include "common/yaml.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_report.h"
#include "webhook/commands/serve_parts.h"

#include <curl/curl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>

/* How often files are looked at. */
#define POLL_MS 500

/* Descriptors beside those of connections: listeners, event loops, the watch. */
#define OTHER_DESCRIPTORS 128

#define PRINT_BYTES (1024u * 1024)

/* Memory for large requests goes back to the system at once, and threads share heaps: a server that once saw
 * a large request must not stay large. */
#define LARGE_BLOCK_BYTES (128 * 1024)
#define HEAPS 2

static int fail(const struct error *error)
{
    fprintf(stderr, "openshell-injector serve: %s\n", error->message);
    switch (error->code) {
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
    case ERROR_NOT_FOUND:
        return COMMAND_USAGE;
    default:
        return COMMAND_INTERNAL;
    }
}

/* Prints and empties the text. */
static int print_text(struct buffer *text)
{
    struct error error;
    int code = COMMAND_OK;
    if (!buffer_check(text, &error))
        code = fail(&error);
    else if (fwrite(buffer_string(text), 1, text->length, stdout) != text->length || fflush(stdout) != 0)
        code = COMMAND_INTERNAL;
    buffer_done(text);
    return code;
}

static int print_help(void)
{
    struct buffer text = BUFFER_INIT(PRINT_BYTES);
    serve_options_append_help(&text);
    return print_text(&text);
}

static int print_configuration(const struct configuration *configuration)
{
    struct error error;
    struct buffer text = BUFFER_INIT(PRINT_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *document = NULL;
    buffer_append_format(&text, "# sha256 %s\n", configuration->digest);
    if (!configuration_to_json(configuration, &error, &document) ||
        !yaml_append_document(document, &error, &text)) {
        buffer_done(&text);
        return fail(&error);
    }
    return print_text(&text);
}

/* Room for all connections, as far as the hard limit allows. */
static bool raise_descriptor_limit(const struct serve_options *options, struct error *error)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t) options->connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return true;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed)
        return error_set(error, ERROR_INVALID,
                         "--max-connections: %u connections need %llu descriptors, the limit is %llu",
                         options->connections, (unsigned long long) needed,
                         (unsigned long long) limit.rlim_max);
    limit.rlim_cur = needed;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ||
           error_set(error, ERROR_IO, "cannot raise the descriptor limit");
}

static bool check_options(const struct serve_options *options, struct error *error)
{
    if (!options->tls_certificate != !options->tls_key)
        return error_set(error, ERROR_INVALID, "--tls-certificate and --tls-key: one without the other");
    if (options->client_name_count && !options->client_authority)
        return error_set(error, ERROR_INVALID, "--client-name: means nothing without --client-ca");
    return audit_options_check(&options->audit, error) && raise_descriptor_limit(options, error);
}

/* Signals come through a descriptor; blocked before any thread starts, so that all inherit it. */
static bool open_signals(struct error *error, int *descriptor)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    /* A file at its limit is a failed write of the audit log, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return error_set(error, ERROR_IO, "cannot block signals");
    *descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return *descriptor >= 0 || error_set(error, ERROR_IO, "cannot open a signal descriptor");
}

/* The next signal within `limit_ms`; 0: none. */
static int wait_for_signal(int descriptor, int limit_ms)
{
    struct signalfd_siginfo information;
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    if (poll(&wait, 1, limit_ms) <= 0 || read(descriptor, &information, sizeof information) < 0)
        return 0;
    return (int) information.ssi_signo;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* Serves until SIGTERM or SIGINT. */
static void serve_until_signal(struct serve_parts *parts, int signals)
{
    uint64_t next_poll_ms = now_ms() + POLL_MS;
    for (;;) {
        int signal_number = wait_for_signal(signals, POLL_MS);
        if (signal_number == SIGTERM || signal_number == SIGINT)
            return;
        if (signal_number == SIGHUP)
            serve_parts_reload(parts);
        if (now_ms() >= next_poll_ms) {
            next_poll_ms = now_ms() + POLL_MS;
            serve_parts_poll_files(parts);
        }
    }
}

/* Goes on serving, not ready any more, until nobody sends requests here; a second signal cuts that short. */
static void serve_while_leaving(struct serve_parts *parts, int signals)
{
    uint64_t end_ms = now_ms() + parts->options->drain_delay_ms;
    log_message(LOG_LEVEL_INFO, "draining");
    readiness_set_draining(&parts->readiness);
    for (uint64_t now = now_ms(); now < end_ms; now = now_ms()) {
        int signal_number = wait_for_signal(signals, (int) (end_ms - now));
        if (signal_number == SIGTERM || signal_number == SIGINT)
            return;
    }
}

static void log_start(const struct serve_parts *parts)
{
    struct log_entry entry;
    const struct configuration *configuration = configuration_store_acquire(parts->configurations);
    log_begin(&entry, LOG_LEVEL_INFO, "serving");
    log_string(&entry, "version", PRODUCT_VERSION);
    log_integer(&entry, "port", server_port(parts->server));
    log_integer(&entry, "metrics_port", http_listener_port(parts->listener));
    log_string(&entry, "configuration", configuration->digest);
    log_end(&entry);
    configuration_store_release(parts->configurations, configuration);
}

/* A heap for each worker thread, and one that all others share. */
static void limit_memory(const struct serve_options *options)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    mallopt(M_ARENA_MAX, (int) server_count_threads(options->threads) + 1);
}

static int serve(const struct serve_options *options, struct configuration_store *configurations)
{
    struct error error;
    struct serve_parts parts;
    struct log_entry entry;
    _cleanup_(closep) int signals = -1;
    if (!check_options(options, &error) || !open_signals(&error, &signals))
        return fail(&error);
    limit_memory(options);
    if (!serve_parts_start(&parts, options, configurations, &error)) {
        serve_parts_stop(&parts, 0);
        return fail(&error);
    }
    log_start(&parts);
    serve_until_signal(&parts, signals);
    serve_while_leaving(&parts, signals);
    unsigned cut_off = serve_parts_stop(&parts, options->drain_timeout_ms);
    log_begin(&entry, cut_off ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "ended");
    log_integer(&entry, "cut_off", cut_off);
    log_end(&entry);
    return COMMAND_OK;
}

static int run_with_options(const struct serve_options *options)
{
    struct error error;
    _cleanup_(configuration_store_freep) struct configuration_store *configurations = NULL;
    const struct configuration_sources sources = {.file = options->configuration_file,
                                                  .environment = environ,
                                                  .flags = options->flags,
                                                  .flag_count = options->flag_count};
    if (!configuration_store_new(&sources, &error, &configurations))
        return command_fail("serve", &error);
    if (!options->prints_configuration)
        return serve(options, configurations);
    const struct configuration *configuration = configuration_store_acquire(configurations);
    int code = print_configuration(configuration);
    configuration_store_release(configurations, configuration);
    return code;
}

static int run(int argc, char **argv)
{
    struct error error;
    struct serve_options options;
    if (!serve_options_parse(argc, argv, &error, &options))
        return fail(&error);
    log_set_level(options.log_level);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return COMMAND_INTERNAL;
    int code = options.wants_help ? print_help() : run_with_options(&options);
    curl_global_cleanup();
    serve_options_done(&options);
    return code;
}

const struct command command_serve = {
    .name = "serve", .summary = "Serve the admission webhooks over TLS", .run = run};
