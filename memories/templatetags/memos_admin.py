"""What the admin's templates need to write and draw numbers."""

from typing import Any

from django.template import Library

from memos_project.encoding import to_json

register = Library()


@register.filter
def grouped(number: int) -> str:
    """12345 as 12,345."""
    return f"{number:,}"


@register.filter
def seconds(left: float) -> str:
    """3725.4 as 1 h 2 min."""
    hours, minutes = int(left) // 3600, int(left) // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {int(left) % 60} s" if minutes else f"{int(left)} s"


@register.filter
def as_json(value: Any) -> str:
    return to_json(value).decode()


@register.filter
def from_top(height: float) -> float:
    """Where a column begins whose foot stands at 102: SVG counts from the top."""
    return round(102 - height, 1)
