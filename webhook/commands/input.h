/* What a person gives to render and explain: files of Kubernetes objects, as YAML or JSON, one or many
 * documents in each, lists of objects among them.
 *
 * Not for: AdmissionReviews (webhook/admission/admission.h).
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>
#include <stddef.h>

/* Limits of one file; bytes and depth are those of an AdmissionReview. */
#define INPUT_FILE_BYTES (7u * 1024 * 1024)
#define INPUT_DEPTH 128
#define INPUT_DOCUMENTS 4096

/* Names standard input on a command line. */
#define INPUT_STANDARD "-"

/* One object: a document, or an item of a list in one. */
struct input_object {
    const char *file; /* as given; "standard input" for "-" */
    size_t document;  /* from 1, within the file */
    char *item;       /* `items[3]`; "" for the document itself; owned */
    char *place;      /* `pods.yaml: document 1: items[3]`, for messages; owned */
    cJSON *value;     /* belongs to the document */
    bool is_pod;      /* a Pod of v1 */
};

struct input {
    cJSON **documents; /* owned trees, each an object, in the order of the files */
    size_t document_count;
    struct input_object *objects; /* owned array, in the same order */
    size_t object_count;
};

/* Reads the files ("-" is standard input; none at all: standard input). Fails naming file and document:
 * ERROR_INVALID (syntax, no object, no kind, an empty file), ERROR_TOO_LARGE, what file_read says, or
 * ERROR_NO_MEMORY. The caller owns `*input` (input_done). `paths` outlives it. */
bool input_read(const char *const *paths, size_t count, struct error *error,
                struct input *input) _warn_unused_result_;

/* Releases everything; accepts a zeroed struct. */
void input_done(struct input *input);

/* Reads one file whole, or standard input for "-"; `*name` is how messages call it. The caller frees
 * `*text`. */
bool input_read_text(const char *path, size_t maximum_bytes, struct error *error, const char **name,
                     char **text, size_t *length) _warn_unused_result_;
