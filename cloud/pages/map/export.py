"""The map to take along: the drawing as a file, Mermaid text, all flows as a table.

In: what a page asks for. Out: text. The SVG file has the page's light colours and its
fonts in itself and no links, which would lead nowhere from a disk. Mermaid (`flowchart
LR`) is for documents that are text; its names are escaped as its entities (`#34;`),
since a stranger chose them.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from cloud.pages import sheet
from cloud.pages.map.boxes import words
from cloud.pages.map.drawing import SIGNS, Canvas, draw, label
from cloud.pages.map.graph import Drawn, Graph, Kind, Node, drawn
from cloud.pages.map.reading import all_flows, center_of, found_for
from cloud.pages.map.reports import MapFlow
from cloud.pages.page import Asked, Take

STATIC = Path(__file__).parent.parent / "static"
_ROOT = re.compile(r":root \{[^}]*\}")
_NAMED = re.compile(r"(--[a-z-]+): (#[0-9a-f]+);")
_NAME = re.compile(r"var\((--[a-z-]+)\)")
_MIX = re.compile(r"color-mix\(in srgb, (#[0-9a-f]+) ([0-9]+)%, (#[0-9a-f]+)\)")
_RULE = re.compile(r"^(\.map [^:{]+) \{ ([^}]+) \}$", re.MULTILINE)
"""Of the drawing; what moves or is looked at has a colon in its selector."""
_FONT = """\
svg{font-family:system-ui,"Noto Sans","DejaVu Sans",Arial,sans-serif;font-size:13px}"""


def svg(asked: Asked) -> str:
    """The drawing as a file of its own."""
    part, center = _part(asked)
    canvas = Canvas(lambda _: "", lambda _: "", center, not asked.query.data_type)
    text = draw(part.graph, canvas)
    start = text.index(">") + 1
    back, rules = _style()
    behind = f'<rect width="100%" height="100%" fill="{back}"/>'
    return f"{text[:start]}<style>{rules}</style>{behind}{text[start:]}\n"


def mermaid(asked: Asked) -> str:
    """The drawn part as a flowchart."""
    part, _ = _part(asked)
    return "\n".join(_lines(part.graph)) + "\n"


def table(asked: Asked) -> str:
    """All flows as CSV, also those that are not drawn."""
    return sheet.encode(all_flows(asked), MapFlow)


TAKES = {
    "svg": Take("image/svg+xml", "svg", svg),
    "mermaid": Take("text/plain", "mmd", mermaid),
    "csv": Take("text/csv", "csv", table),
}


def _part(asked: Asked) -> tuple[Drawn, str]:
    graph = found_for(asked).graph
    center = center_of(graph, asked.query)
    keys = [center.key] if center else []
    return drawn(graph, keys), center.key if center else ""


@cache
def _style() -> tuple[str, str]:
    """The colour behind, and the rules of the drawing. Its colours are plain: programs
    other than browsers know no variables and mix nothing, and paint black instead."""
    light = _ROOT.findall((STATIC / "style.css").read_text())[0]
    rules = (STATIC / "map.css").read_text()
    colours: dict[str, str] = {}
    for name, colour in _NAMED.findall(light + rules):
        colours.setdefault(name, colour)
    plain = _NAME.sub(lambda found: colours[found[1]], rules)
    plain = _MIX.sub(lambda found: _mixed(found[1], int(found[2]), found[3]), plain)
    told = (f"{selector}{{{rule}}}" for selector, rule in _RULE.findall(plain))
    return colours["--back"], _FONT + "".join(told)


def _mixed(one: str, percent: int, other: str) -> str:
    """CSS Color 5, section 2: so much of one colour, the rest of the other."""
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    mixed = (round((a * percent + b * (100 - percent)) / 100) for a, b in pairs)
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _rgb(colour: str) -> bytes:
    digits = colour[1:]
    return bytes.fromhex(digits if len(digits) == 6 else "".join(c * 2 for c in digits))


def _lines(graph: Graph) -> Iterable[str]:
    clusters = {node.cluster for node in graph.nodes.values() if node.cluster}
    number = {key: f"n{n}" for n, key in enumerate(sorted(graph.nodes))}
    frames: dict[str, list[Node]] = {}
    for key in sorted(graph.nodes):
        frames.setdefault(graph.nodes[key].frame, []).append(graph.nodes[key])
    yield "flowchart LR"
    for n, (frame, nodes) in enumerate(sorted(frames.items())):
        if frame:
            yield f'  subgraph f{n}["{_escaped(frame.replace(chr(9), " / "))}"]'
        for node in nodes:
            name = _escaped(words(node, clusters).whole)
            left, right = ("([", "])") if node.kind is Kind.OUTSIDE else ("[", "]")
            yield f'  {number[node.key]}{left}"{name}"{right}'
        if frame:
            yield "  end"
    for edge in sorted(graph.edges):
        text = _escaped(label(edge)) if edge.sensitivity else ""
        arrow = f'-->|"{text}"|' if text else "-->"
        yield f"  {number[edge.source]} {arrow} {number[edge.target]}"


def _escaped(text: str) -> str:
    """Letters, digits and a few harmless signs; all others by their number."""
    plain = set(" .,-_/:·+…" + "".join(SIGNS))
    return "".join(
        letter if letter.isalnum() or letter in plain else f"#{ord(letter)};"
        for letter in text
    )
