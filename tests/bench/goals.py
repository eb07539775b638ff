"""What is to be reached, and whether it was. Ratios are taken within each round, whose measurements stand next to each
other in time; the median of the rounds counts.
"""

import dataclasses
import statistics


@dataclasses.dataclass
class Goal:
    """One figure and its bound."""

    what: str
    bound: float
    is_minimum: bool
    unit: str
    value: float
    lowest: float
    highest: float

    @property
    def is_reached(self):
        return self.value >= self.bound if self.is_minimum else self.value <= self.bound

    @property
    def margin(self):
        """By how much, in percent of the bound: positive is better than asked for."""
        distance = self.value - self.bound if self.is_minimum else self.bound - self.value
        return 100 * distance / self.bound

    def as_dictionary(self):
        return dataclasses.asdict(self) | {"is_reached": self.is_reached, "margin_percent": round(self.margin, 1)}


def _ratios(figures, connections, key, over, of="injector"):
    pairs = zip(figures[of][connections], figures[over][connections])
    return [ours[key] / theirs[key] for ours, theirs in pairs]


def _goal(what, values, unit="", at_least=None, at_most=None):
    return Goal(what, at_most if at_least is None else at_least, at_least is not None, unit,
                statistics.median(values), min(values), max(values))


def judge(loads, starts, injections):
    """All goals with their figures."""
    return [
        _goal("requests/s at 16 connections, times the Go webhook's",
              _ratios(loads, 16, "requests_per_second", "gowebhook"), "x", at_least=6),
        _goal("requests/s at 16 connections, times the floor's",
              _ratios(loads, 16, "requests_per_second", "floor"), "x", at_least=0.5),
        _goal("p99 at 4 connections, times the Go webhook's",
              _ratios(loads, 4, "p99_us", "gowebhook"), "x", at_most=0.333),
        _goal("peak memory (RSS) at 16 connections",
              [figures["rss_peak_kib"] / 1024 for figures in loads["injector"][16]], "MiB", at_most=16),
        _goal("requests/s at 16 connections with auditing, times those without",
              _ratios(loads, 16, "requests_per_second", "injector", of="auditing"), "x", at_least=0.8),
        _goal("p99 at 4 connections with auditing, times that without",
              _ratios(loads, 4, "p99_us", "injector", of="auditing"), "x", at_most=1.5),
        _goal("start to ready", starts["injector"], "ms", at_most=50),
        _goal("pure injection, parsed pod to printed patch",
              [figures["injection"]["p50_ns"] / 1000 for figures in injections], "µs", at_most=40),
    ]
