"""The neighbourhood of an entity: rings by distance, each node within the angle of the one it hangs on."""

from collections.abc import Mapping, Sequence
from math import cos, pi, sin
from uuid import UUID
from xml.etree.ElementTree import Element

from graph.neighbourhoods import Near, Neighbourhood, Tie
from graph.pictures.svg import COLOURS, OTHER, add, drawing, short, spoken, written

type Point = tuple[float, float]

# Between rings, and for each node on the outermost.
RING, ROOM, MARGIN = 190.0, 26.0, 100.0
STYLE = """
svg { background: #fff; font-family: system-ui, sans-serif; }
text { fill: #111827; font-size: 12px; text-anchor: middle; paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.said { fill: #6b7280; font-size: 10px; }
line { stroke: #9ca3af; stroke-width: 1.5; }
.arrow { fill: #9ca3af; }
.ended { stroke-dasharray: 5 4; opacity: .6; }
.start { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  svg { background: #111827; } text { fill: #f3f4f6; stroke: #111827; } .said { fill: #9ca3af; } line { stroke: #6b7280; } .arrow { fill: #6b7280; }
}
"""


def draw_neighbourhood(found: Neighbourhood) -> str:
    """An SVG document of its own; the same neighbourhood is always the same picture."""
    places = _places(found)
    left, right = min(x for x, _ in places.values()), max(x for x, _ in places.values())
    top, bottom = min(y for _, y in places.values()), max(y for _, y in places.values())
    label = f"What is around {found.nodes[0].name}"
    svg = drawing(right - left + 2 * MARGIN, bottom - top + MARGIN, label)
    add(svg, "title", label)
    add(svg, "style", STYLE)
    arrow = add(add(svg, "defs"), "marker", id="arrow", viewBox="0 0 8 8", refX=19, refY=4, markerWidth=5, markerHeight=5,
                orient="auto")  # fmt: skip
    add(arrow, "path", d="M0 0L8 4L0 8z", class_="arrow")
    middle = add(svg, "g", transform=f"translate({MARGIN - left:.1f} {MARGIN / 2 - top:.1f})")
    for tie in found.edges:
        _draw_tie(middle, tie, places)
    for node in found.nodes:
        _draw_node(middle, node, places[node.id])
    if len(found.nodes) == 1:
        add(middle, "text", "Nothing holds of it now.", y=50, class_="said")
    return written(svg)


def _draw_tie(parent: Element, tie: Tie, places: Mapping[UUID, Point]) -> None:
    (x1, y1), (x2, y2) = places[tie.subject_id], places[tie.object_id]
    group = add(parent, "g", class_="ended" if tie.is_ended else "holds")
    add(group, "line", x1=x1, y1=y1, x2=x2, y2=y2, marker_end="url(#arrow)")
    # Nearer to the subject: it is read from there.
    add(group, "text", spoken(tie.predicate), x=x1 + (x2 - x1) * 0.45, y=y1 + (y2 - y1) * 0.45, class_="said")


def _draw_node(parent: Element, node: Near, place: Point) -> None:
    x, y = place
    group = add(parent, "g", class_="start" if node.depth == 0 else "node")
    add(group, "title", f"{node.name} ({node.kind})")
    add(group, "circle", cx=x, cy=y, r=13 if node.depth == 0 else 8, fill=COLOURS.get(node.kind, OTHER))
    add(group, "text", short(node.name, 26), x=x, y=y + (28 if node.depth == 0 else 21))


def _places(found: Neighbourhood) -> dict[UUID, Point]:
    """Where each node is, the start in the middle."""
    children = _tree(found)
    start = found.nodes[0].id
    leaves = _leaves(start, children)
    ring = max(RING, ROOM * leaves / (2 * pi))
    places = {start: (0.0, 0.0)}

    def spread(node: UUID, begin: float, end: float, radius: float) -> None:
        angle, own = begin, _leaves(node, children)
        for child in children.get(node, ()):
            share = (end - begin) * _leaves(child, children) / own
            at = angle + share / 2
            places[child] = (radius * cos(at), radius * sin(at))
            spread(child, angle, angle + share, radius + ring)
            angle += share

    spread(start, -pi / 2, 1.5 * pi, ring)
    return places


def _tree(found: Neighbourhood) -> dict[UUID, list[UUID]]:
    """Each node under the first one nearer to the start that something ties it to."""
    depths = {each.id: each.depth for each in found.nodes}
    parents: dict[UUID, UUID] = {}
    for tie in found.edges:
        for near, far in ((tie.subject_id, tie.object_id), (tie.object_id, tie.subject_id)):
            if depths[near] < depths[far]:
                parents.setdefault(far, near)
    children: dict[UUID, list[UUID]] = {}
    for node in found.nodes[1:]:
        children.setdefault(parents.get(node.id, found.nodes[0].id), []).append(node.id)
    return children


def _leaves(node: UUID, children: Mapping[UUID, Sequence[UUID]]) -> int:
    return sum(_leaves(each, children) for each in children.get(node, ())) or 1
