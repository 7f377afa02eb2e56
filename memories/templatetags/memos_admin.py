"""What the admin's templates need to write and draw numbers."""

from django.template import Library

register = Library()


@register.filter
def grouped(number: int) -> str:
    """12345 as 12,345."""
    return f"{number:,}"


@register.filter
def from_top(height: float) -> float:
    """Where a column begins whose foot stands at 102: SVG counts from the top."""
    return round(102 - height, 1)
