/* The parts of `verify`: where the pods come from (files or the cluster), what was found, and how it is
 * shown. Private to verify*.c.
 */
#pragma once

#include "common/buffer.h"
#include "webhook/commands/command_line.h"
#include "webhook/commands/verification.h"

#include <stdio.h>

/* Most pods of one call. */
#define VERIFY_PODS (1u << 20)

/* A sandbox pod that was looked at. Texts are owned. */
struct verified_pod {
    char *place; /* `pods.yaml: document 1: items[3]`; NULL: the cluster */
    char *namespace_name;
    char *name;
    char *sandbox; /* `workspace/name`, as the labels say */
    struct verification verification;
};

struct verify_results {
    const struct configuration *configuration;
    struct verified_pod *pods; /* owned array, in the order of their source */
    size_t count;
    size_t reserved;
    size_t states[VERIFICATION_STATES]; /* how many are in each state */
};

/* Looks at a pod and keeps what was found; a pod that is no sandbox is passed over. `pod` is used up. Fails
 * naming the pod. */
bool verify_results_add(struct verify_results *results, const char *place, cJSON *pod,
                        const cJSON *namespace_annotations, struct error *error) _warn_unused_result_;

/* Forgets all pods. */
void verify_results_clear(struct verify_results *results);

/* Every pod in the files and directories that the line names (a directory: its .yaml, .yml and .json files);
 * other objects are passed over. Errors as input_read's. */
bool verify_files(const struct command_line *line, struct error *error,
                  struct verify_results *results) _warn_unused_result_;

/* Every sandbox pod of the cluster, or of the namespace that the line names, page by page; the annotations of
 * namespaces are read when the decision depends on them and the line has none. Errors as the client's. */
bool verify_cluster(const struct command_line *line, struct error *error,
                    struct verify_results *results) _warn_unused_result_;

/* For people: first a table of all pods (none without pods), then each field of those that are not as they
 * must be, and the totals. */
bool verify_report_print_table(const struct verify_results *results, FILE *file, bool is_coloured,
                               struct error *error) _warn_unused_result_;
void verify_report_append_details(const struct verify_results *results, bool is_coloured,
                                  struct buffer *buffer);

/* One JSON object on a line for each pod; members as in openshell-injector-verify(1). */
void verify_report_append_json(const struct verify_results *results, struct buffer *buffer);
