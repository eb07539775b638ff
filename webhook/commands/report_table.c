#include "common/cleanup.h"
#include "webhook/commands/html.h"
#include "webhook/commands/report_parts.h"

#include <stdlib.h>

struct ranked {
    size_t number, total;
};

static size_t total_of(const struct report_counts *counts)
{
    size_t total = 0;
    for (int i = 0; i < REPORT_DECISIONS; i++)
        total += counts->of[i];
    return total;
}

/* The most frequent first; among equals the one that came first. */
static int compare_ranks(const void *left, const void *right)
{
    const struct ranked *first = left, *second = right;
    if (first->total != second->total)
        return first->total < second->total ? 1 : -1;
    return (first->number > second->number) - (first->number < second->number);
}

static void append_bar(struct buffer *html, const struct report_counts *counts, size_t largest)
{
    buffer_append_string(html,
                         "<td class=\"bar\" aria-hidden=\"true\"><svg viewBox=\"0 0 1000 8\" "
                         "preserveAspectRatio=\"none\"><rect class=\"back\" width=\"1000\" height=\"8\"/>");
    size_t begin = 0, sum = 0;
    for (int i = 0; i < REPORT_DECISIONS; i++) {
        sum += counts->of[i];
        size_t end = sum * 1000 / largest;
        if (counts->of[i])
            buffer_append_format(html, "<rect class=\"%s\" x=\"%zu\" width=\"%zu\" height=\"8\"/>",
                                 report_decision_name((enum report_decision) i), begin, end - begin);
        begin = end;
    }
    buffer_append_string(html, "</svg></td>");
}

static void append_row(struct buffer *html, const struct report_tally *tally, const struct ranked *ranked,
                       size_t largest, bool is_code)
{
    const struct report_counts *counts = &tally->counts[ranked->number];
    const char *name = key_index_key(&tally->names, ranked->number);
    size_t denied = counts->of[REPORT_DENIED] + counts->of[REPORT_ERROR];
    buffer_append_format(html, "<tr><td>%s", is_code ? "<code>" : "");
    html_append_text(html, *name ? name : "(none)");
    buffer_append_format(html, "%s</td><td class=\"number\">", is_code ? "</code>" : "");
    html_append_count(html, ranked->total - denied);
    buffer_append_string(html, "</td><td class=\"number\">");
    html_append_count(html, denied);
    buffer_append_string(html, "</td>");
    append_bar(html, counts, largest);
    buffer_append_string(html, "</tr>");
}

static void append_rows(struct buffer *html, const struct report_tally *tally, const struct ranked *ranks,
                        const char *first, bool is_code)
{
    size_t count = tally->names.count, shown = count < REPORT_TABLE_ROWS ? count : REPORT_TABLE_ROWS;
    buffer_append_string(html, "<table><thead><tr><th>");
    html_append_text(html, first);
    buffer_append_string(html, "</th><th class=\"number\">Admitted</th><th class=\"number\">Refused</th>"
                               "<th><span class=\"unseen\">Share</span></th></tr></thead><tbody>");
    for (size_t i = 0; i < shown; i++)
        append_row(html, tally, &ranks[i], ranks[0].total, is_code);
    buffer_append_string(html, "</tbody></table>");
    if (count > shown)
        buffer_append_format(html, "<p class=\"quiet more\">and %zu more</p>", count - shown);
}

bool report_append_table(struct buffer *html, const struct report_tally *tally, const char *first,
                         bool is_code, struct error *error)
{
    size_t count = tally->names.count;
    if (count == 0)
        return buffer_append_string(html, "<p class=\"quiet\">None.</p>") || buffer_check(html, error);
    _cleanup_(freep) struct ranked *ranks = malloc(count * sizeof *ranks);
    if (!ranks)
        return error_set_no_memory(error);
    for (size_t i = 0; i < count; i++)
        ranks[i] = (struct ranked){.number = i, .total = total_of(&tally->counts[i])};
    qsort(ranks, count, sizeof *ranks, compare_ranks);
    append_rows(html, tally, ranks, first, is_code);
    return buffer_check(html, error);
}
