/* What the pods of a report have in common: most differ in the sandbox's id and name alone, so that their
 * operations, with a mark in place of these, are kept once. This keeps the report of 100,000 pods small.
 *
 * Environment values of the user are masked (masking.h). Not for: the page itself.
 */
#pragma once

#include "webhook/audit/decision_record.h"
#include "webhook/audit/key_index.h"
#include "webhook/audit/reasons.h"

/* Stand for the sandbox's id and name in kept texts. */
#define REPORT_MARK_ID '\001'
#define REPORT_MARK_NAME '\002'
/* Shorter ids and names would stand for parts of words. */
#define REPORT_MARK_LEAST_BYTES 4

/* Most bytes of all kept operations, and of all kept objects; what comes later is left out. */
#define REPORT_OPERATIONS_BYTES (24u * 1024 * 1024)
#define REPORT_OBJECTS_BYTES (24u * 1024 * 1024)

#define REPORT_NONE (-1)     /* there is none */
#define REPORT_LEFT_OUT (-2) /* left out for its size */

struct report_operations {
    struct key_index operations; /* {"operation":{...},"reason":"..."} */
    struct key_index shapes;     /* lists of their numbers, "0,1,2" */
    struct key_index patches; /* digests of whole patches with marks; in the numbering of `shape_of_patch` */
    long *shape_of_patch;
    size_t reserved;
    struct key_index objects; /* JSON texts with marks */
    struct reasons reasons;
};

void report_operations_init(struct report_operations *operations);
void report_operations_done(struct report_operations *operations);

/* What a decision's patch is. */
struct report_patch {
    long shape;    /* the number of its list of operations, or REPORT_NONE, REPORT_LEFT_OUT */
    size_t number; /* of the patch among different ones; KEY_INDEX_NONE: there is no patch */
    cJSON *tree;   /* masked, when no patch like it was seen before, else NULL; the caller's */
};

/* ERROR_INVALID when the patch cannot be read. */
bool report_operations_add_patch(struct report_operations *operations, const struct audit_decision *decision,
                                 struct error *error, struct report_patch *patch) _warn_unused_result_;

/* The number of the recorded object. */
bool report_operations_add_object(struct report_operations *operations, const struct audit_decision *decision,
                                  struct error *error, long *number) _warn_unused_result_;

/* Appends `text` with the marks replaced by the sandbox's id and name. */
void report_operations_fill(struct buffer *buffer, const char *text, const char *sandbox_id,
                            const char *sandbox_name);
