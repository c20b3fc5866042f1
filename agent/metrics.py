"""Metrics: a role's numbers in Prometheus's text format, version 0.0.4.

In come metrics, out goes text (https://prometheus.io/docs/instrumenting/exposition_formats).
Names are `vethscope_<noun>_<unit>_total` for what only grows. Label values are our own
reasons and names of states, never anything captured. The client library would bring a
global registry and its own process metrics for the forty lines that are needed here.
"""

import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

COUNTER = "counter"
GAUGE = "gauge"

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One name, its values by label values."""

    name: str
    kind: str
    words: str
    label: str = ""
    """Name of the label; empty: there is one value, under the key ''."""
    values: Mapping[str, float] = field(default_factory=dict)


def counter(name: str, words: str, value: float) -> Metric:
    return Metric(name, COUNTER, words, values={"": value})


def gauge(name: str, words: str, value: float) -> Metric:
    return Metric(name, GAUGE, words, values={"": value})


def exposition(metrics: Iterable[Metric]) -> str:
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def of_process(began: float) -> Iterator[Metric]:
    """This process, under Prometheus's usual names; `began` is a monotonic time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield counter(
        "process_cpu_seconds_total",
        "Processor time used.",
        used.ru_utime + used.ru_stime,
    )
    yield gauge(
        "process_max_resident_memory_bytes",
        "Most memory that was resident.",
        used.ru_maxrss * 1024,
    )
    yield gauge(
        "vethscope_up_seconds", "Time since the start.", time.monotonic() - began
    )


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.words}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for value, number in sorted(metric.values.items()):
        label = f'{{{metric.label}="{value.translate(_ESCAPES)}"}}'
        yield f"{metric.name}{label if metric.label else ''} {number:.15g}"
