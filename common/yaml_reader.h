/* The state of one parse of YAML: libyaml's parser, the budgets, and what the trees are built from.
 * Private to common/yaml*.c.
 */
#pragma once

#include "common/yaml.h"
#include "common/yaml_scalar.h"

#include <yaml.h>

struct yaml_anchor {
    char *name;        /* owned */
    const cJSON *node; /* NULL while the anchored value is still being read */
};

struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at */
    const struct yaml_limits *limits;
    unsigned depth_limit;
    struct error *error;
    struct yaml_documents documents; /* what was built so far */
    size_t nodes;                    /* made so far, in all documents */
    size_t copied_bytes;             /* text that aliases copied so far */

    /* Of the document being read. */
    struct yaml_anchor anchors[YAML_ANCHORS_MAXIMUM];
    size_t anchor_count;
    cJSON *merged; /* values of `<<`: not part of the tree, but anchors may point into them */
};

/* Replaces the current event by the next one. */
bool yaml_reader_next(struct yaml_reader *reader) _warn_unused_result_;

/* Sets the error "line L column C: <formatted>" at the current event; returns false. */
bool yaml_reader_fail(struct yaml_reader *reader, enum error_code code, const char *format, ...)
    _printf_(3, 4);

/* Line of the current event, from 1. */
unsigned yaml_reader_line(const struct yaml_reader *reader);

/* Reads the value that begins with the current event, and leaves its last event as the current one. `depth`
 * is the number of containers around it; `line` is noted as its place. The caller owns `*item`. */
bool yaml_read_node(struct yaml_reader *reader, unsigned depth, unsigned line,
                    cJSON **item) _warn_unused_result_;

/* The same for a mapping, whose start is the current event. (common/yaml_mapping.c) */
bool yaml_read_mapping(struct yaml_reader *reader, unsigned depth, unsigned line,
                       cJSON **item) _warn_unused_result_;

/* Resolves the scalar of the current event by its tag, style and text; its text is free of NULs then. */
bool yaml_reader_resolve(struct yaml_reader *reader, struct yaml_scalar *scalar) _warn_unused_result_;

/* Creates a value against the budget of nodes and notes its place. NULL with the error set on failure. */
cJSON *yaml_reader_create(struct yaml_reader *reader, int cjson_type, unsigned line);

/* A deep copy of `source` against the budgets, placed at `line`; `depth` as above. The caller owns `*copy`.
 */
bool yaml_reader_copy(struct yaml_reader *reader, const cJSON *source, unsigned depth, unsigned line,
                      cJSON **copy) _warn_unused_result_;
