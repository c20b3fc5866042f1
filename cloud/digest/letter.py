"""Writes the digest of one reader: plain text, and the same as simple HTML.

In: a report of Today, and where people open the dashboard. Out: a mail without images,
scripts or anything that tells that it was read. Everything is escaped.
"""

from markupsafe import Markup, escape

from cloud.alerts.message import Mail
from cloud.pages import formats
from cloud.pages.today.reports import Line, TodayReport

GRAVE = 3
"""Gravity from which the subject counts."""


def write(report: TodayReport, address: str, to: str, key: str) -> Mail:
    """The mail; `address`: scheme and name of the dashboard, without a slash."""
    lines = report.lines
    return Mail(
        subject=_subject(report),
        text=_text(report, lines, address),
        html=_html(report, lines, address),
        to=(to,),
        key=key,
    )


def _subject(report: TodayReport) -> str:
    total = report.paging.total
    grave = sum(line.gravity >= GRAVE for line in report.lines)
    if not total:
        return "Vethscope: nothing is new"
    things = "1 thing is" if total == 1 else f"{total:,} things are"
    return f"Vethscope: {things} new{f', {grave:,} of them grave' if grave else ''}"


def _begin(report: TodayReport) -> str:
    total = report.paging.total
    number = (
        "Nothing is"
        if not total
        else f"{total:,} {'thing is' if total == 1 else 'things are'}"
    )
    return f"{number} new since {formats.minute(report.since)} UTC."


def _trust(report: TodayReport) -> str:
    trust = report.trust
    if trust.captured_share is None:
        return (
            "No coverage was reported, so nothing can be said about what this misses."
        )
    read = f"{formats.share(trust.captured_share)} of the traffic is read"
    if trust.is_complete:
        return f"All is watched: {read}."
    if trust.clusters > 1:
        read += " in the cluster of which least is"
    silent = (
        f", {trust.silent} of {trust.clusters} clusters are silent"
        if trust.silent
        else ""
    )
    lost = (
        ", and some of it was lost" if trust.records_lost or trust.frames_lost else ""
    )
    return f"Not all is watched: {read}{silent}{lost}. What is not read is not found."


def _rest(report: TodayReport) -> str:
    more = report.paging.total - len(report.lines)
    return f"And {more:,} more, less grave." if more else ""


_END = "You get this because you asked for it. Say here how often, or that you do not:"


def _text(report: TodayReport, lines: list[Line], address: str) -> str:
    parts = [_begin(report), _trust(report)]
    parts += [f"! {one.words} {one.advice}" for one in report.problems]
    parts += [
        f"* {_level(line)}{line.title}\n"
        f"  {_why(line)}\n  {line.advice}\n  {address}{line.evidence}"
        for line in lines
    ]
    parts += [
        _rest(report),
        f"All of it: {address}/",
        f"{_END} {address}/account#digest",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _why(line: Line) -> str:
    """With the roll-out that came before."""
    one = line.rollout
    if one is None:
        return line.why
    name, revision = formats.middle(one.workload.name, 40), formats.middle(one.revision)
    image = f" ({formats.middle(one.image, 60)})" if one.image else ""
    told = f"{name} {revision}{image}, {formats.minute(one.since)} UTC"
    return f"{line.why} Rolled out shortly before: {told}."


def _level(line: Line) -> str:
    return "" if line.sensitivity == "none" else f"[{line.sensitivity}] "


def _html(report: TodayReport, lines: list[Line], address: str) -> str:
    told = [
        Markup("<p><b>{}</b></p><p>{}</p>").format(_begin(report), _trust(report)),
        *(
            Markup("<p><b>{}</b> {}</p>").format(one.words, one.advice)
            for one in report.problems
        ),
        Markup("<ul>{}</ul>").format(
            Markup("").join(_html_line(line, address) for line in lines)
        ),
        Markup("<p>{}</p>").format(_rest(report)),
        Markup('<p><a href="{}/">All of it</a></p><p><small>{} ').format(address, _END),
        Markup('<a href="{}/account#digest">Account</a></small></p>').format(address),
    ]
    begin = Markup('<!doctype html><html lang="en"><meta charset="utf-8"><body>')
    return str(begin + Markup("").join(told) + Markup("</body></html>"))


def _html_line(line: Line, address: str) -> Markup:
    return Markup('<li><p>{}<a href="{}">{}</a><br>{}<br><i>{}</i></p></li>').format(
        _level(line),
        escape(f"{address}{line.evidence}"),
        line.title,
        _why(line),
        line.advice,
    )
