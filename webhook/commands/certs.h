/* The parts of `certs`: one file for each of its actions. */
#pragma once

#include "certs/authorities.h"
#include "certs/file_store.h"
#include "certs/secret_store.h"
#include "common/buffer.h"
#include "kubernetes/client.h"
#include "webhook/commands/certs_options.h"

/* Largest output of an action. */
#define CERTS_OUTPUT_BYTES (1024u * 1024)
/* Room for the name of a server. */
#define CERTS_HOST_BYTES 256

/* The command line of an action. Strings belong to argv; NULL: not given. */
struct certs_line {
    bool wants_help;
    const char *directory; /* else the cluster's Secret */
    const char *kubeconfig;
    const char *context;
    const char *format;      /* of the output: "table", "json", "pem", "base64" */
    const char *certificate; /* files to check */
    const char *key;
    const char *bundle;
    const char *host;
    const char *days;
    const char *address; /* of a server whose certificate is looked at */
    const char *client_name;
    const char *server_path;
    bool is_authority; /* rotate the authority */
    bool is_promotion;
    struct certs_options options;
};

/* Reads `argv[1]` onwards; `accepted` lists the names that the action takes, separated by spaces.
 * ERROR_INVALID names the option. */
bool certs_line_parse(int argc, char **argv, const char *accepted, struct error *error,
                      struct certs_line *line) _warn_unused_result_;

/* Where the authorities are: a directory, or a Secret. */
struct certs_place {
    bool is_directory;
    struct file_store files;
    struct kubernetes_client *client; /* owned; NULL for a directory */
    struct secret_store secret;
    const char *namespace_name; /* never NULL */
};

/* Opens what the line says. The caller owes certs_place_close, also after a failure. */
bool certs_place_open(const struct certs_line *line, struct error *error,
                      struct certs_place *place) _warn_unused_result_;
void certs_place_close(struct certs_place *place);

/* The authorities there; ERROR_NOT_FOUND when there are none. `*secret`, when wanted, is the object they came
 * from, NULL for a directory or when there is none; the caller wipes it (authorities_document_wipe). */
bool certs_place_read(const struct certs_place *place, struct error *error, struct authorities *authorities,
                      cJSON **secret) _warn_unused_result_;

/* The certificates that are served: at the line's address, or else in the directory. NULL when there are
 * none. The caller owns `*chain`. */
bool certs_place_read_serving(const struct certs_place *place, const struct certs_line *line,
                              struct error *error, certificate_list **chain) _warn_unused_result_;

/* The name that is expected in them: the line's, or else the Service's, as the API server calls it. */
void certs_place_host(const struct certs_place *place, const struct certs_line *line,
                      char host[CERTS_HOST_BYTES]);

/* Writes authorities; `secret` is what they are to replace, NULL: nothing is there. */
bool certs_place_write(const struct certs_place *place, const cJSON *secret,
                       const struct authorities *authorities, struct error *error) _warn_unused_result_;

/* Makes a serving certificate of the current authority and writes tls.crt and tls.key. Without an option that
 * says names, those of the tls.crt that is replaced are kept. */
bool certs_write_pair(const struct certs_place *place, const struct certs_line *line,
                      const struct authorities *authorities, struct error *error) _warn_unused_result_;

/* The actions: append what is to be printed. Success is exit code 0; `*exit_code` may be set to another one.
 */
bool certs_init(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
bool certs_rotate(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
bool certs_status(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
bool certs_export(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
bool certs_check(const struct certs_line *line, struct error *error, struct buffer *output, int *exit_code);
bool certs_admission_kubeconfig(const struct certs_line *line, struct error *error, struct buffer *output,
                                int *exit_code);
