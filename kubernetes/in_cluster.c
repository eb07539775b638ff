#include "kubernetes/configuration.h"

#include "common/file.h"
#include "kubernetes/configuration_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest namespace is 63 characters; a line end may follow. */
#define NAMESPACE_FILE_BYTES 256u

static bool join(const char *directory, const char *name, struct error *error, char **path)
{
    if (asprintf(path, "%s/%s", directory, name) >= 0)
        return true;
    *path = NULL;
    return error_set_no_memory(error);
}

static bool make_server(const char *host, const char *port, struct error *error, char **server)
{
    /* An IPv6 address needs brackets in a URL. */
    bool has_colon = strchr(host, ':');
    if (asprintf(server, has_colon ? "https://[%s]:%s" : "https://%s:%s", host, port) >= 0)
        return true;
    *server = NULL;
    return error_set_no_memory(error);
}

/* Older clusters mount no namespace file: then none is named. */
static bool read_namespace(const char *directory, struct error *error, char **namespace_name)
{
    _cleanup_(freep) char *path = NULL;
    _cleanup_(freep) char *text = NULL;
    size_t length = 0;
    if (!join(directory, "namespace", error, &path))
        return false;
    struct error unread;
    if (!file_read(path, NAMESPACE_FILE_BYTES, &unread, &text, &length)) {
        if (unread.code == ERROR_NOT_FOUND)
            return true;
        return error_set(error, unread.code, "in-cluster: %s", unread.message);
    }
    text[strcspn(text, " \t\r\n")] = '\0';
    if (*text)
        *namespace_name = take_pointer(&text);
    return true;
}

bool kubernetes_configuration_in_cluster(const char *directory, struct error *error,
                                         struct kubernetes_configuration **configuration)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    if (!host || !*host || !port || !*port)
        return error_set(error, ERROR_NOT_FOUND,
                         "in-cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    _cleanup_(kubernetes_configuration_freep) struct kubernetes_configuration *made = calloc(1, sizeof *made);
    if (!made)
        return error_set_no_memory(error);
    made->source = strdup("in-cluster");
    if (!made->source)
        return error_set_no_memory(error);
    if (!make_server(host, port, error, &made->server) ||
        !join(directory, "token", error, &made->token.path) ||
        !join(directory, "ca.crt", error, &made->authority.path) ||
        !read_namespace(directory, error, &made->namespace_name) || !configuration_check(made, error))
        return false;
    *configuration = take_pointer(&made);
    return true;
}
