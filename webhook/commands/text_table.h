/* A table for a terminal, printed while it is made: the widths of the columns come from its first rows, so
 * that memory stays small, whatever the number of rows. What would steer a terminal (control characters) is
 * shown as `?`.
 */
#pragma once

#include "common/buffer.h"

#include <stdbool.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS 8
/* Rows that the widths are taken from. */
#define TEXT_TABLE_FIRST_ROWS 256
/* Widest column; longer text pushes what follows to the right. */
#define TEXT_TABLE_WIDTH 48
/* Most bytes of the first rows together, and of one row. */
#define TEXT_TABLE_BYTES (16u * 1024 * 1024)

struct text_table_row {
    const char *cells[TEXT_TABLE_COLUMNS];
    const char *colour; /* of the row, a sequence of terminal.h; NULL: plain */
};

struct text_table {
    FILE *file;
    size_t column_count;
    bool is_coloured;
    size_t widths[TEXT_TABLE_COLUMNS];
    struct buffer waiting; /* the first rows: colour and cells, each ended by a NUL */
    size_t row_count;
};

/* The caller owes text_table_done. */
void text_table_init(struct text_table *table, FILE *file, bool is_coloured, size_t column_count);

/* Adds a row; the first one is the heading. Fails with ERROR_NO_MEMORY, ERROR_TOO_LARGE, or ERROR_INTERNAL
 * when the file takes no more. */
bool text_table_add(struct text_table *table, const struct text_table_row *row,
                    struct error *error) _warn_unused_result_;

/* Prints what still waits. Fails like text_table_add. */
bool text_table_finish(struct text_table *table, struct error *error) _warn_unused_result_;
void text_table_done(struct text_table *table);

/* Appends `text` with `?` for each control character, of ASCII and of Latin 1. */
void text_table_append_plain(struct buffer *buffer, const char *text);
