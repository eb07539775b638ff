#include "driver/commands.h"

#include "common/version.h"

#include <curl/curl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define USAGE_STATUS 2
#define HELP_BYTES (64u * 1024)
/* Of the allocator's arenas each would keep what the largest page of a list once took. */
#define MALLOC_ARENAS 2

static int print_help(void)
{
    struct buffer options = BUFFER_INIT(HELP_BYTES);
    driver_configuration_append_help(&options);
    printf(
        "Usage: openshell-driver-pods [serve|check] [option...]\n\n"
        "Creates a pod for each sandbox of an OpenShell gateway (0.0.x). The gateway reaches it over a Unix\n"
        "socket: --drivers pods --compute-driver-socket PATH. The openshell-injector webhook must be "
        "there.\n\n"
        "  serve  serve the gateway (default)\n"
        "  check  test permissions, webhook and socket, and list what looks lost\n\n"
        "Options (flag, or environment variable):\n%s",
        buffer_string(&options));
    buffer_done(&options);
    return 0;
}

static int run(const char *command, const struct driver_configuration *configuration)
{
    log_set_level(configuration->log_level);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "openshell-driver-pods: libcurl cannot be initialised\n");
        return 1;
    }
    int status = strcmp(command, "check") == 0 ? command_check(configuration) : command_serve(configuration);
    curl_global_cleanup();
    return status;
}

int main(int count, char **arguments)
{
    const char *command = "serve";
    size_t first = 1;
    if (count > 1 && arguments[1][0] != '-') {
        command = arguments[1];
        first = 2;
    }
    if (strcmp(command, "serve") != 0 && strcmp(command, "check") != 0) {
        fprintf(stderr, "openshell-driver-pods: unknown command \"%s\"; see --help\n", command);
        return USAGE_STATUS;
    }
    struct driver_configuration *configuration;
    struct error error;
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    if (!driver_configuration_load((const char *const *) arguments + first, (size_t) count - first, environ,
                                   &error, &configuration)) {
        fprintf(stderr, "openshell-driver-pods: %s\n", error.message);
        return USAGE_STATUS;
    }
    int status = 0;
    if (configuration->wants_help)
        status = print_help();
    else if (configuration->wants_version)
        printf("openshell-driver-pods %s\n", PRODUCT_VERSION);
    else
        status = run(command, configuration);
    driver_configuration_free(configuration);
    return status;
}
