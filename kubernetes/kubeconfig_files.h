/* The files of a kubeconfig, read and searched as one: the first file that defines an entry wins it whole.
 * Not for: what the entries mean (kubernetes/kubeconfig.h). Internal to kubernetes/.
 */
#pragma once

#include "common/error.h"
#include "common/yaml.h"

#include <stddef.h>

/* Most files in one $KUBECONFIG. */
#define KUBECONFIG_FILES 32u
#define KUBECONFIG_DEPTH 32u
#define KUBECONFIG_NODES 100000u

struct kubeconfig_file {
    char *path;
    struct yaml_documents documents;
    const cJSON *root; /* an object; NULL: the file is empty */
};

struct kubeconfig_files {
    struct kubeconfig_file *items;
    size_t count;
};

/* Reads the one file `path`, which must exist. Errors name the file. The caller owes kubeconfig_files_done.
 */
bool kubeconfig_files_read_one(const char *path, struct error *error,
                               struct kubeconfig_files *files) _warn_unused_result_;

/* Reads the files of a list separated by ':'; passes over empty names and missing files, ERROR_NOT_FOUND when
 * none is left. */
bool kubeconfig_files_read_list(const char *paths, struct error *error,
                                struct kubeconfig_files *files) _warn_unused_result_;

/* Wipes the strings it held, tokens and keys among them. Accepts a zeroed struct. */
void kubeconfig_files_done(struct kubeconfig_files *files);

/* The first current-context that is not empty, or NULL. */
bool kubeconfig_files_current_context(const struct kubeconfig_files *files, struct error *error,
                                      const char **context) _warn_unused_result_;

/* Where an entry stands; for messages and for relative paths in it. */
struct kubeconfig_entry {
    const cJSON *content; /* the object under `member` */
    const struct kubeconfig_file *file;
    size_t index; /* in the file's list */
};

/* The entry named `name` of a list ("clusters") whose elements carry their content under `member`
 * ("cluster"). ERROR_INVALID when there is none. */
bool kubeconfig_files_find(const struct kubeconfig_files *files, const char *list, const char *member,
                           const char *name, struct error *error,
                           struct kubeconfig_entry *entry) _warn_unused_result_;
