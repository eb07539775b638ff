#include "webhook/commands/text_table.h"

#include "common/cleanup.h"
#include "webhook/commands/terminal.h"

#include <errno.h>
#include <string.h>

void text_table_init(struct text_table *table, FILE *file, bool is_coloured, size_t column_count)
{
    *table = (struct text_table){
        .file = file,
        .is_coloured = is_coloured,
        .column_count = column_count,
        .waiting = BUFFER_INIT(TEXT_TABLE_BYTES),
    };
}

void text_table_done(struct text_table *table)
{
    buffer_done(&table->waiting);
}

/* U+202A to U+202E and U+2066 to U+2069, which turn the direction of the text around. */
static bool turns_around(const unsigned char *text)
{
    if (text[0] != 0xe2 || !text[1])
        return false;
    return (text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
           (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
}

/* How many bytes at `text` are a character that would make the terminal show something else: C0, DEL, C1,
 * which is C2 80 to C2 9F in UTF-8, or one that turns the text around. */
static size_t control_length(const char *text)
{
    unsigned char first = (unsigned char) text[0], second = (unsigned char) text[1];
    if (first < ' ' || first == 0x7f)
        return 1;
    if (first == 0xc2 && second >= 0x80 && second < 0xa0)
        return 2;
    return turns_around((const unsigned char *) text) ? 3 : 0;
}

void text_table_append_plain(struct buffer *buffer, const char *text)
{
    while (*text) {
        size_t control = control_length(text);
        buffer_append_character(buffer, control ? '?' : *text);
        text += control ? control : 1;
    }
}

/* In characters, as far as UTF-8 tells. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char) *text & 0xc0) != 0x80;
    return width;
}

static void append_row(const struct text_table *table, const char *colour, const char *const *cells,
                       struct buffer *buffer)
{
    bool is_coloured = table->is_coloured && *colour;
    buffer_append_string(buffer, is_coloured ? colour : "");
    for (size_t i = 0; i < table->column_count; i++) {
        size_t begin = buffer->length;
        text_table_append_plain(buffer, cells[i]);
        if (i + 1 == table->column_count)
            break;
        size_t width = width_of(buffer_string(buffer) + begin);
        do
            buffer_append_character(buffer, ' ');
        while (++width < table->widths[i] + 2);
    }
    buffer_append_string(buffer, is_coloured ? TERMINAL_PLAIN : "");
    buffer_append_character(buffer, '\n');
}

static bool print_row(const struct text_table *table, const char *colour, const char *const *cells,
                      struct error *error)
{
    _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(TEXT_TABLE_BYTES);
    append_row(table, colour, cells, &text);
    if (!buffer_check(&text, error))
        return false;
    if (fwrite(text.data, 1, text.length, table->file) == text.length)
        return true;
    return error_set_errno(error, ERROR_INTERNAL, errno, "standard output");
}

/* Prints the rows that were kept for their widths. */
static bool print_waiting(struct text_table *table, struct error *error)
{
    const char *at = table->waiting.data;
    const char *end = at + table->waiting.length;
    while (at < end) {
        const char *cells[TEXT_TABLE_COLUMNS];
        const char *colour = at;
        for (size_t i = 0; i < table->column_count; i++)
            cells[i] = at = at + strlen(at) + 1;
        at += strlen(at) + 1;
        if (!print_row(table, colour, cells, error))
            return false;
    }
    buffer_done(&table->waiting);
    return true;
}

static void keep_row(struct text_table *table, const struct text_table_row *row)
{
    const char *colour = row->colour ? row->colour : "";
    buffer_append(&table->waiting, colour, strlen(colour) + 1);
    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = width_of(row->cells[i]);
        if (width > TEXT_TABLE_WIDTH)
            width = TEXT_TABLE_WIDTH;
        if (width > table->widths[i])
            table->widths[i] = width;
        buffer_append(&table->waiting, row->cells[i], strlen(row->cells[i]) + 1);
    }
}

bool text_table_add(struct text_table *table, const struct text_table_row *row, struct error *error)
{
    if (table->row_count++ >= TEXT_TABLE_FIRST_ROWS)
        return print_row(table, row->colour ? row->colour : "", row->cells, error);
    keep_row(table, row);
    if (!buffer_check(&table->waiting, error))
        return false;
    return table->row_count < TEXT_TABLE_FIRST_ROWS || print_waiting(table, error);
}

bool text_table_finish(struct text_table *table, struct error *error)
{
    if (table->row_count < TEXT_TABLE_FIRST_ROWS && !print_waiting(table, error))
        return false;
    if (fflush(table->file) == 0)
        return true;
    return error_set_errno(error, ERROR_INTERNAL, errno, "standard output");
}
