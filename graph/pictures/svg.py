"""Elements of SVG; whatever text they are given is escaped."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# Middle tones: each stands out from white and from near black alike.
COLOURS: Mapping[str, str] = {
    "person": "#0d9488",
    "organisation": "#7c6cf0",
    "place": "#3b82f6",
    "product": "#d97706",
    "event": "#db2777",
    "thing": "#7d8796",
    "concept": "#5a9a3c",
    "date": "#b7791f",
    "amount": "#b7791f",
}
OTHER = "#a3685a"
# What no XML may contain.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def spoken(predicate: str) -> str:
    return predicate.replace("_", " ")


def add(parent: Element, tag: str, text: str = "", **attributes: object) -> Element:
    """A new element inside another; ``_`` in names of attributes is ``-``, at their end nothing."""
    element = ElementTree.SubElement(parent, tag, _written(attributes))
    if text:
        element.text = clean(text)
    return element


def drawing(width: float, height: float, label: str, **attributes: object) -> Element:
    """An empty picture with its accessible name."""
    return Element("svg", _written({
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width:.0f} {height:.0f}", "width": f"{width:.0f}",
        "height": f"{height:.0f}", "role": "img", "aria_label": label, **attributes,
    }))  # fmt: skip


def written(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


def _written(attributes: Mapping[str, object]) -> dict[str, str]:
    return {
        name.rstrip("_").replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else clean(str(value))
        for name, value in attributes.items()
    }
