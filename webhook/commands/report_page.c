#include "webhook/commands/report_page.h"

#include "common/base64.h"
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/version.h"
#include "webhook/audit/report_files.h"
#include "webhook/commands/html.h"
#include "webhook/commands/report_parts.h"

#include <errno.h>
#include <string.h>

#define PART_BYTES (256u * 1024 * 1024)
/* Decisions in one <script>: a browser parses many small texts more smoothly than a large one. */
#define CHUNK_ROWS 5000u
#define TIME_BYTES 32

struct page {
    const struct report_data *data;
    const struct report_chain *chain;
    const char *directory;
    time_t now;
    FILE *file;
    struct error *error;
    struct buffer html; /* what is not yet in the file */
};

/* A {{mark}} of page.html, and what stands there. */
struct part {
    const char *name;
    bool (*append)(struct page *page);
};

static bool flush(struct page *page)
{
    if (!buffer_check(&page->html, page->error))
        return false;
    if (fwrite(buffer_string(&page->html), 1, page->html.length, page->file) != page->html.length)
        return error_set_errno(page->error, ERROR_IO, errno, "cannot write");
    buffer_clear(&page->html);
    return true;
}

/* A hash as content security policies have it: base64 of the digest's bytes. */
static bool append_hash(struct page *page, const char *text)
{
    char hex[DIGEST_SHA256_HEX_BYTES];
    unsigned char bytes[(DIGEST_SHA256_HEX_BYTES - 1) / 2];
    if (!digest_sha256_hex(text, strlen(text), page->error, hex))
        return false;
    for (size_t i = 0; i < sizeof bytes; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char) strtoul(digits, NULL, 16);
    }
    base64_append(&page->html, bytes, sizeof bytes);
    return true;
}

static bool append_style_hash(struct page *page)
{
    return append_hash(page, report_style);
}

static bool append_script_hash(struct page *page)
{
    return append_hash(page, report_script);
}

static bool append_style(struct page *page)
{
    buffer_append_string(&page->html, report_style);
    return true;
}

static bool append_script(struct page *page)
{
    buffer_append_string(&page->html, report_script);
    return true;
}

static void append_fact(struct page *page, const char *name, const char *value)
{
    buffer_append_format(&page->html, "<div><dt>%s</dt><dd>", name);
    html_append_text(&page->html, *value ? value : "none");
    buffer_append_string(&page->html, "</dd></div>");
}

/* "2026-11-23T18:57:50.123456Z" in a form that people read. */
static void make_readable(const char *time_text, char text[static TIME_BYTES])
{
    snprintf(text, TIME_BYTES, "%.16s", time_text);
    char *separator = strchr(text, 'T');
    if (separator)
        *separator = ' ';
}

static bool append_about(struct page *page)
{
    char period[2 * TIME_BYTES + 8], from[TIME_BYTES], to[TIME_BYTES], made[TIME_BYTES] = "";
    struct tm moment;
    make_readable(page->data->first_time, from);
    make_readable(page->data->last_time, to);
    snprintf(period, sizeof period, "%s to %s UTC", from, to);
    if (gmtime_r(&page->now, &moment))
        strftime(made, sizeof made, "%Y-%m-%d %H:%M UTC", &moment);
    append_fact(page, "Period", page->data->first_sequence ? period : "");
    append_fact(page, "Replica", page->data->replica);
    append_fact(page, "Log", page->directory);
    append_fact(page, "Made", made);
    return true;
}

static void append_total(struct page *page, const char *class, size_t count, const char *name)
{
    buffer_append_format(&page->html, "<li class=\"%s\"><strong>", class);
    html_append_count(&page->html, count);
    buffer_append_format(&page->html, "</strong><span>%s</span></li>", name);
}

static bool append_totals(struct page *page)
{
    const struct report_data *data = page->data;
    append_total(page, "all", data->moment_count, "pods decided on");
    for (int i = 0; i < REPORT_DECISIONS; i++)
        append_total(page, report_decision_name((enum report_decision) i), data->totals.of[i],
                     report_decision_name((enum report_decision) i));
    return true;
}

static bool append_chain(struct page *page)
{
    const struct report_chain *chain = page->chain;
    buffer_append_format(&page->html,
                         "<section class=\"card chain %s\" aria-labelledby=\"chain-title\"><h2 "
                         "id=\"chain-title\">",
                         chain->state);
    html_append_text(&page->html, chain->title);
    buffer_append_string(&page->html, "</h2>");
    for (const char *line = chain->text; *line;) {
        size_t length = strcspn(line, "\n");
        _cleanup_(freep) char *copy = strndup(line, length);
        if (!copy)
            return error_set_no_memory(page->error);
        buffer_append_string(&page->html, "<p>");
        html_append_text(&page->html, copy);
        buffer_append_string(&page->html, "</p>");
        line += length + (line[length] == '\n');
    }
    buffer_append_string(&page->html, "</section>");
    return true;
}

static bool append_legend(struct page *page)
{
    buffer_append_string(&page->html, "<ul class=\"legend\">");
    for (int i = 0; i < REPORT_DECISIONS; i++) {
        const char *name = report_decision_name((enum report_decision) i);
        if (page->data->totals.of[i])
            buffer_append_format(&page->html, "<li class=\"%s\">%s</li>", name, name);
    }
    buffer_append_string(&page->html, "</ul>");
    return true;
}

static bool append_timeline(struct page *page)
{
    return report_append_timeline(&page->html, page->data, page->error);
}

static bool append_namespaces(struct page *page)
{
    return report_append_table(&page->html, &page->data->namespaces, "Namespace", false, page->error);
}

static bool append_reasons(struct page *page)
{
    return report_append_table(&page->html, &page->data->reasons, "Reason", false, page->error);
}

static bool append_users(struct page *page)
{
    return report_append_table(&page->html, &page->data->users, "User", false, page->error);
}

static bool append_configurations(struct page *page)
{
    return report_append_table(&page->html, &page->data->configurations, "Digest", true, page->error);
}

static bool append_capabilities(struct page *page)
{
    return report_append_table(&page->html, &page->data->capabilities, "Capability", true, page->error);
}

static bool append_images(struct page *page)
{
    return report_append_table(&page->html, &page->data->images, "Image", true, page->error);
}

static bool append_newest_note(struct page *page)
{
    size_t count = page->data->decisions < REPORT_NEWEST ? page->data->decisions : REPORT_NEWEST;
    buffer_append_format(&page->html, "%zu of ", count);
    html_append_count(&page->html, page->data->decisions);
    buffer_append_string(&page->html, "; the others need JavaScript, or <code>audit show</code>");
    return true;
}

static bool append_newest(struct page *page)
{
    return report_append_newest(&page->html, page->data, page->error);
}

static bool append_footer(struct page *page)
{
    const struct report_data *data = page->data;
    buffer_append_format(&page->html,
                         "%zu decisions about pods as they came, %zu about finished pods, of which totals, "
                         "chart and tables count "
                         "the refusals alone; %zu were dry runs. "
                         "%zu other records, %zu lines that are no records. Recorded by ",
                         data->mutations, data->validations, data->dry_runs, data->other_records,
                         data->unreadable);
    html_append_text(&page->html, data->product);
    buffer_append_string(&page->html, ", reported by " PRODUCT_IDENTIFIER
                                      ". Values of the users' variables are not in this file.");
    return true;
}

/* A list of JSON texts, or of the strings that they are. */
static void append_keys(struct page *page, const char *name, const struct key_index *index, const char *open,
                        const char *close)
{
    buffer_append_format(&page->html, "\"%s\":[", name);
    for (size_t i = 0; i < index->count; i++) {
        const char *key = key_index_key(index, i);
        buffer_append_string(&page->html, i ? "," : "");
        buffer_append_string(&page->html, open);
        html_append_json(&page->html, key, strlen(key));
        buffer_append_string(&page->html, close);
    }
    buffer_append_character(&page->html, ']');
}

/* Likewise, each key as a JSON string. */
static bool append_strings(struct page *page, const char *name, const struct key_index *index)
{
    buffer_append_format(&page->html, "\"%s\":[", name);
    for (size_t i = 0; i < index->count; i++) {
        _cleanup_(buffer_done) struct buffer text = BUFFER_INIT(PART_BYTES);
        json_append_string(&text, key_index_key(index, i));
        if (!buffer_check(&text, page->error))
            return false;
        buffer_append_string(&page->html, i ? "," : "");
        html_append_json(&page->html, text.data, text.length);
    }
    buffer_append_character(&page->html, ']');
    return true;
}

static bool append_tables(struct page *page)
{
    const struct report_operations *operations = &page->data->operations;
    buffer_append_string(&page->html, "<script type=\"application/json\" id=\"report-tables\">{");
    if (!append_strings(page, "strings", &page->data->strings))
        return false;
    buffer_append_character(&page->html, ',');
    append_keys(page, "operations", &operations->operations, "", "");
    buffer_append_character(&page->html, ',');
    append_keys(page, "shapes", &operations->shapes, "[", "]");
    buffer_append_character(&page->html, ',');
    append_keys(page, "causes", &page->data->causes, "", "");
    buffer_append_character(&page->html, ',');
    append_keys(page, "objects", &operations->objects, "", "");
    buffer_append_string(&page->html, "}</script>\n");
    return flush(page);
}

static bool append_data(struct page *page)
{
    if (!append_tables(page))
        return false;
    const char *row = buffer_string(&page->data->rows);
    while (*row) {
        buffer_append_string(&page->html, "<script type=\"application/json\" class=\"report-rows\">[");
        for (size_t i = 0; *row && i < CHUNK_ROWS; i++) {
            size_t length = strcspn(row, "\n");
            buffer_append_string(&page->html, i ? ",\n" : "");
            html_append_json(&page->html, row, length);
            row += length + 1;
        }
        buffer_append_string(&page->html, "]</script>\n");
        if (!flush(page))
            return false;
    }
    return true;
}

static const struct part parts[] = {
    {"style-hash", append_style_hash},
    {"script-hash", append_script_hash},
    {"style", append_style},
    {"script", append_script},
    {"about", append_about},
    {"totals", append_totals},
    {"chain", append_chain},
    {"legend", append_legend},
    {"timeline", append_timeline},
    {"namespaces", append_namespaces},
    {"reasons", append_reasons},
    {"users", append_users},
    {"configurations", append_configurations},
    {"capabilities", append_capabilities},
    {"images", append_images},
    {"newest-note", append_newest_note},
    {"newest", append_newest},
    {"footer", append_footer},
    {"data", append_data},
};

static bool append_part(struct page *page, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strlen(parts[i].name) == length && strncmp(parts[i].name, name, length) == 0)
            return parts[i].append(page) && flush(page);
    return error_set(page->error, ERROR_INTERNAL, "page.html: {{%.*s}} is unknown", (int) length, name);
}

static bool fill(struct page *page)
{
    const char *at = report_page;
    for (;;) {
        const char *mark = strstr(at, "{{");
        const char *end = mark ? strstr(mark, "}}") : NULL;
        if (!end)
            break;
        buffer_append(&page->html, at, (size_t) (mark - at));
        if (!append_part(page, mark + 2, (size_t) (end - mark - 2)))
            return false;
        at = end + 2;
    }
    buffer_append_string(&page->html, at);
    return flush(page);
}

bool report_page_write(const struct report_data *data, const struct report_chain *chain,
                       const char *directory, time_t now, FILE *file, struct error *error)
{
    struct page page = {
        .data = data,
        .chain = chain,
        .directory = directory,
        .now = now,
        .file = file,
        .error = error,
        .html = BUFFER_INIT(PART_BYTES),
    };
    bool is_written = fill(&page);
    buffer_done(&page.html);
    return is_written;
}
