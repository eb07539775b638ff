"""Shows the figures: a table for people, JSON for machines, and the figures' part of docs/benchmarks.md."""

import datetime
import pathlib
import statistics

import measurement
import servers

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: written by tests/bench/run --markdown -->"
END = "<!-- end of figures -->"

TITLES = {
    "injector": "injector",
    "auditing": "injector, with --audit-required",
    "floor": "floor (libmicrohttpd, fixed answer)",
    "gowebhook": "Go (controller-runtime)",
}
# From here on others disturb the figures.
DISTURBED_SHARE = 0.1
# From here on the client is what limits a server.
CLIENT_LIMIT = 0.9


def median(figures, key):
    return statistics.median(figure[key] for figure in figures)


def _load_rows(loads):
    for count in measurement.CONNECTIONS:
        for name in servers.NAMES:
            figures = loads[name][count]
            yield (str(count), TITLES[name], f"{median(figures, 'requests_per_second'):.0f}",
                   f"{median(figures, 'p50_us'):.0f}", f"{median(figures, 'p99_us'):.0f}",
                   f"{median(figures, 'server_cpu_us_per_request'):.0f}",
                   f"{max(figure['rss_peak_kib'] for figure in figures) / 1024:.1f}")


LOAD_HEADER = ("connections", "server", "requests/s", "p50 µs", "p99 µs", "CPU µs/request", "RSS MiB")


def _start_rows(starts):
    for name in servers.NAMES:
        yield TITLES[name], f"{statistics.median(starts[name]):.1f}", f"{max(starts[name]):.1f}"


START_HEADER = ("server", "median ms", "longest ms")


def _injection_rows(injections):
    titles = {
        "parse": "parse a pod",
        "injection": "pure injection: parsed pod to printed patch",
        "review": "whole review: AdmissionReview in, AdmissionReview out, no socket",
    }
    for key, title in titles.items():
        yield (title, str(injections[0][key]["input_bytes"]),
               f"{statistics.median(figures[key]['p50_ns'] for figures in injections) / 1000:.1f}",
               f"{statistics.median(figures[key]['p99_ns'] for figures in injections) / 1000:.1f}")


INJECTION_HEADER = ("what", "input bytes", "p50 µs", "p99 µs")


def _goal_rows(goals):
    for goal in goals:
        sign = "≥" if goal.is_minimum else "≤"
        verdict = "reached" if goal.is_reached else "MISSED"
        yield (goal.what, f"{sign} {goal.bound:g} {goal.unit}", f"{goal.value:.2f} {goal.unit}",
               f"{goal.lowest:.2f} to {goal.highest:.2f}", f"{verdict}, {abs(goal.margin):.0f} % "
               + ("better" if goal.margin >= 0 else "short"))


GOAL_HEADER = ("goal", "asked", "median", "rounds", "verdict")


def disturbances(results):
    """What makes the figures doubtful, as sentences."""
    every = [figure for server in results["loads"].values() for rounds in server.values() for figure in rounds]
    others = median(every, "others_share")
    repeated = sum(figure["attempts"] > 1 for figure in every)
    stolen = sum(figure["stolen_share"] > measurement.STOLEN_SHARE for figure in every)
    limit = f"{measurement.STOLEN_SHARE:.0%}".replace("%", " %")
    sentences = []
    if repeated:
        sentences.append(f"Of {len(every)} loads {repeated} were put on again, since the host took more than {limit} of a "
                         "processor for its other guests.")
    if stolen:
        sentences.append(f"In {stolen} of {len(every)} loads the host took more than {limit} of a processor: their "
                         "latencies are the host's, too.")
    if others > DISTURBED_SHARE:
        sentences.append(f"Other processes used {others:.2f} processors meanwhile (median): the figures are lower than "
                         "those of a quiet machine, and vary more.")
    if not results["processors_apart"]:
        sentences.append("There is one processor only: servers and client shared it.")
    for name, server in results["loads"].items():
        for count, rounds in server.items():
            if median(rounds, "client_cpu_share") > CLIENT_LIMIT:
                sentences.append(f"The client limited {name} at {count} connections.")
    return sentences


def _text_table(header, rows):
    rows = [header, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    is_number = [column for column in range(len(header))
                 if all(row[column].replace(".", "").isdigit() for row in rows[1:])]
    lines = []
    for row in rows:
        cells = (cell.rjust(width) if column in is_number else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(row, widths)))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _markdown_table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _sections(results):
    """Title, header and rows of each table."""
    yield "Load", LOAD_HEADER, list(_load_rows(results["loads"]))
    yield "Start to ready", START_HEADER, list(_start_rows(results["starts"]))
    yield "Without server and socket", INJECTION_HEADER, list(_injection_rows(results["injections"]))


def print_text(results, goals):
    """For people. No verdicts when `goals` is None."""
    for title, header, rows in _sections(results):
        print(f"\n{title}\n\n{_text_table(header, rows)}")
    if goals is not None:
        print(f"\nGoals\n\n{_text_table(GOAL_HEADER, _goal_rows(goals))}")
    for sentence in disturbances(results):
        print(f"\n{sentence}")


def _markdown(results, goals):
    facts = results["machine"]
    effort = results["effort"]
    parts = [
        f"Measured on {datetime.date.today().isoformat()}: {facts['processor']}, {facts['processors']} processors, "
        f"{facts['memory_gib']} GiB, Linux {facts['kernel']}, {facts['system']}; libmicrohttpd {facts['libmicrohttpd']}, "
        f"GnuTLS {facts['gnutls']}, cJSON {facts['cjson']}; Go {facts['go']}, controller-runtime "
        f"{facts['controller_runtime']}. {effort['rounds']} rounds of {effort['seconds']:g} s for each server and number of "
        f"connections; medians of the rounds, memory at its highest.",
        *disturbances(results),
    ]
    for title, header, rows in [("Goals", GOAL_HEADER, list(_goal_rows(goals))), *_sections(results)]:
        parts.append(f"### {title}\n\n{_markdown_table(header, rows)}")
    return "\n\n".join(parts)


def write_markdown(results, goals):
    """Replaces the figures in docs/benchmarks.md, and nothing else in it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCUMENT}: the lines around the figures are missing")
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{_markdown(results, goals)}\n\n{END}{after}", encoding="utf-8")
