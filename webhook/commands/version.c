#include "common/version.h"
#include "common/json.h"
#include "webhook/commands/command.h"
#include "webhook/commands/command_line.h"
#include "webhook/commands/command_report.h"

#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define OUTPUT_BYTES 4096

static const char usage[] = "Usage: openshell-injector version [OPTION...]\n"
                            "\n"
                            "Prints the version of the program and of the libraries it runs with.\n"
                            "\n"
                            "  -o, --output text|json  text for people (default), or one JSON object\n"
                            "  -h, --help              this text\n"
                            "\n"
                            "Exit codes: 0 printed, 2 wrong usage, 3 internal failure.\n"
                            "\n"
                            "Examples:\n"
                            "  openshell-injector version\n"
                            "  openshell-injector version -o json | jq -r .version\n";

static const char *openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static const char *gnutls_version(void)
{
    return gnutls_check_version(NULL);
}

static const char *curl_release(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

/* Asked at run time: a shared library may be another than the one built with. */
static const struct library {
    const char *name;
    const char *(*version)(void);
} libraries[] = {
    {"cJSON", cJSON_Version},
    {"curl", curl_release},
    {"GnuTLS", gnutls_version},
    {"libmicrohttpd", MHD_get_version},
    {"libyaml", yaml_get_version_string},
    {"OpenSSL", openssl_version},
};

#define LIBRARY_COUNT (sizeof libraries / sizeof *libraries)

static void append_text(struct buffer *output)
{
    buffer_append_format(output, "%s %s\n", PRODUCT_NAME, PRODUCT_VERSION);
    for (size_t i = 0; i < LIBRARY_COUNT; i++)
        buffer_append_format(output, "%-14s %s\n", libraries[i].name, libraries[i].version());
}

static void append_json(struct buffer *output)
{
    buffer_append_string(output, "{\"product\":");
    json_append_string(output, PRODUCT_NAME);
    buffer_append_string(output, ",\"version\":");
    json_append_string(output, PRODUCT_VERSION);
    buffer_append_string(output, ",\"libraries\":{");
    for (size_t i = 0; i < LIBRARY_COUNT; i++) {
        if (i)
            buffer_append_character(output, ',');
        json_append_string(output, libraries[i].name);
        buffer_append_character(output, ':');
        json_append_string(output, libraries[i].version());
    }
    buffer_append_string(output, "}}\n");
}

static int print_version(const char *name, const struct command_line *line)
{
    struct buffer output = BUFFER_INIT(OUTPUT_BYTES);
    if (strcmp(line->format, "json") == 0)
        append_json(&output);
    else
        append_text(&output);
    int exit_code = command_finish(name, &output, COMMAND_OK);
    buffer_done(&output);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const struct command_syntax syntax = {.options = TAKES_FORMAT, .formats = formats};
    struct error error;
    struct command_line line;
    if (!command_line_parse(&syntax, argc, argv, &error, &line))
        return command_fail_usage("version", &error);
    int exit_code = line.wants_help ? command_help("version", usage, false) : print_version("version", &line);
    command_line_done(&line);
    return exit_code;
}

const struct command command_version = {
    .name = "version", .summary = "Print the version, and those of the libraries", .run = run};
