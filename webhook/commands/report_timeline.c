#include "webhook/commands/report_parts.h"

#include <time.h>

/* The drawing's own units: about the pixels of a wide screen. */
#define WIDTH 1200
#define HEIGHT 190
#define TOP 16
#define BASE 164
#define LEFT 52
#define MOMENT_BYTES 32

struct bars {
    int64_t start_s, step_s;
    size_t count;
    struct report_counts of[REPORT_BARS];
    size_t largest; /* total of a bar, rounded up: the height of the drawing */
};

/* The shortest step that a person would choose and that gives few enough bars. */
static int64_t choose_step(int64_t first_s, int64_t last_s)
{
    static const int64_t steps[] = {1,    5,     15,    60,    300,   900,    1800,   3600,
                                    7200, 10800, 21600, 43200, 86400, 604800, 2592000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (last_s / steps[i] - first_s / steps[i] < REPORT_BARS)
            return steps[i];
    return (last_s - first_s) / (REPORT_BARS - 1) + 1;
}

/* The next of 1, 2, 4, 5, 10, 20, ... so that half of it is a round number too. */
static size_t round_up(size_t value)
{
    size_t power = 1;
    while (power <= value / 10)
        power *= 10;
    static const size_t factors[] = {1, 2, 4, 5, 6, 8, 10};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (factors[i] * power >= value)
            return factors[i] * power;
    return value;
}

static size_t total_of(const struct report_counts *counts)
{
    size_t total = 0;
    for (int i = 0; i < REPORT_DECISIONS; i++)
        total += counts->of[i];
    return total;
}

static void fill_bars(const struct report_data *data, struct bars *bars)
{
    int64_t first_s = INT64_MAX, last_s = INT64_MIN;
    for (size_t i = 0; i < data->moment_count; i++) {
        first_s = data->moments[i].time_s < first_s ? data->moments[i].time_s : first_s;
        last_s = data->moments[i].time_s > last_s ? data->moments[i].time_s : last_s;
    }
    bars->step_s = choose_step(first_s, last_s);
    bars->start_s = first_s / bars->step_s * bars->step_s;
    bars->count = (size_t) ((last_s - bars->start_s) / bars->step_s) + 1;
    if (bars->count > REPORT_BARS)
        bars->count = REPORT_BARS;
    for (size_t i = 0; i < data->moment_count; i++) {
        size_t at = (size_t) ((data->moments[i].time_s - bars->start_s) / bars->step_s);
        if (at < bars->count)
            bars->of[at].of[data->moments[i].decision]++;
    }
    for (size_t i = 0; i < bars->count; i++)
        if (total_of(&bars->of[i]) > bars->largest)
            bars->largest = total_of(&bars->of[i]);
    bars->largest = round_up(bars->largest);
}

static void format_moment(int64_t time_s, bool has_clock, char text[static MOMENT_BYTES])
{
    time_t seconds = (time_t) time_s;
    struct tm moment;
    *text = '\0';
    if (gmtime_r(&seconds, &moment))
        strftime(text, MOMENT_BYTES, has_clock ? "%Y-%m-%d %H:%M" : "%Y-%m-%d", &moment);
}

static void append_title(struct buffer *html, const struct bars *bars, size_t at)
{
    char from[MOMENT_BYTES], to[MOMENT_BYTES];
    format_moment(bars->start_s + (int64_t) at * bars->step_s, true, from);
    format_moment(bars->start_s + (int64_t) (at + 1) * bars->step_s, true, to);
    buffer_append_format(html, "<title>%s to %s:", from, to);
    for (int i = 0; i < REPORT_DECISIONS; i++)
        if (bars->of[at].of[i])
            buffer_append_format(html, " %zu %s", bars->of[at].of[i],
                                 report_decision_name((enum report_decision) i));
    buffer_append_string(html, "</title>");
}

static void append_one_bar(struct buffer *html, const struct bars *bars, size_t at)
{
    double slot = (double) (WIDTH - LEFT) / (double) bars->count;
    double width = slot > 4 ? slot - (slot > 24 ? 6 : 2) : slot;
    if (width > 48)
        width = 48;
    double x = LEFT + slot * (double) at + (slot - width) / 2;
    double y = BASE;
    buffer_append_string(html, "<g>");
    append_title(html, bars, at);
    for (int i = 0; i < REPORT_DECISIONS; i++) {
        double height = (double) bars->of[at].of[i] * (BASE - TOP) / (double) bars->largest;
        if (bars->of[at].of[i] == 0)
            continue;
        /* What is there can be seen, however little it is. */
        if (height < 1)
            height = 1;
        y -= height;
        buffer_append_format(html,
                             "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                             report_decision_name((enum report_decision) i), x, y, width, height);
    }
    buffer_append_string(html, "</g>");
}

static void append_grid(struct buffer *html, const struct bars *bars)
{
    for (int i = 0; i <= 2; i++) {
        int y = BASE - (BASE - TOP) * i / 2;
        buffer_append_format(html, "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", LEFT, WIDTH, y, y);
        if (i == 0 || i == 2 || bars->largest > 1)
            buffer_append_format(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%zu</text>", LEFT - 8,
                                 y + 4, bars->largest * (size_t) i / 2);
    }
}

static void append_dates(struct buffer *html, const struct bars *bars)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    for (int i = 0; i <= 2; i++) {
        char text[MOMENT_BYTES];
        int64_t time_s = bars->start_s + (int64_t) bars->count * bars->step_s * i / 2;
        format_moment(time_s, bars->step_s < 86400, text);
        buffer_append_format(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>",
                             LEFT + (WIDTH - LEFT) * i / 2, HEIGHT - 6, anchors[i], text);
    }
}

bool report_append_timeline(struct buffer *html, const struct report_data *data, struct error *error)
{
    struct bars bars = {0};
    if (data->moment_count == 0)
        return buffer_append_string(html, "<p class=\"quiet\">No decision.</p>") || buffer_check(html, error);
    fill_bars(data, &bars);
    buffer_append_format(html,
                         "<svg class=\"timeline\" viewBox=\"0 0 %d %d\" role=\"img\" "
                         "aria-label=\"Decisions over time\">",
                         WIDTH, HEIGHT);
    append_grid(html, &bars);
    for (size_t i = 0; i < bars.count; i++)
        append_one_bar(html, &bars, i);
    append_dates(html, &bars);
    buffer_append_string(html, "</svg>");
    return buffer_check(html, error);
}
