/* What a report is made of, collected in one pass over a log: counts for the tables, and every decision in a
 * short form for the list. Not for: HTML (report_page.h).
 */
#pragma once

#include "webhook/audit/log_scan.h"
#include "webhook/commands/report_operations.h"

#include <stdint.h>

/* Most bytes of all decisions' short forms together, and of the names in them. */
#define REPORT_ROWS_BYTES (512u * 1024 * 1024)
#define REPORT_STRINGS_BYTES (128u * 1024 * 1024)
/* The newest decisions, which are shown without JavaScript too. */
#define REPORT_NEWEST 50

/* By the words of records; what is none of them counts as an error. */
enum report_decision {
    REPORT_INJECTED,
    REPORT_UNCHANGED,
    REPORT_DENIED,
    REPORT_SKIPPED,
    REPORT_ERROR,
    REPORT_DECISIONS,
};

/* The word, which is a class of the page's style too. */
const char *report_decision_name(enum report_decision decision);

/* How often something stands beside each decision. */
struct report_counts {
    size_t of[REPORT_DECISIONS];
};

/* A table: names, and counts for each. */
struct report_tally {
    struct key_index names;
    struct report_counts *counts; /* owned */
    size_t reserved;
};

/* A decision's moment, for the chart. */
struct report_moment {
    int64_t time_s;
    enum report_decision decision;
};

/* A pod is decided on as it comes and looked at once more when it is finished. Totals, tables and chart count
 * it once: of the second looks those alone that refuse it. */
struct report_data {
    struct report_operations operations;
    struct report_counts totals;
    size_t decisions, mutations, validations, dry_runs, other_records, unreadable;
    struct report_tally namespaces, reasons, users, configurations, capabilities, images;
    struct key_index strings; /* of the rows */
    struct key_index causes;  /* JSON texts */
    struct buffer rows;       /* JSON arrays, one a line; as script.js reads them */
    struct report_moment *moments;
    size_t moment_count, moments_reserved;
    struct key_index grants; /* what a patch grants: "c" capability and "i" image lines */
    size_t *grant_of_patch;  /* numbers in `grants`, by the patch's number */
    size_t grant_of_patch_reserved;
    char *newest[REPORT_NEWEST]; /* the line of decision N, from 0, at N modulo REPORT_NEWEST; owned */
    char first_time[40], last_time[40];
    int64_t first_sequence, last_sequence;
    char replica[64], product[64];
};

void report_data_init(struct report_data *data);
void report_data_done(struct report_data *data);

/* Reads the log of `directory`, and its configurations for the reasons of operations. */
bool report_data_collect(struct report_data *data, const char *directory,
                         struct error *error) _warn_unused_result_;

/* Adds to a tally. */
bool report_tally_add(struct report_tally *tally, const char *name, enum report_decision decision,
                      struct error *error) _warn_unused_result_;
