"""A question's answers as a table for terminals of 80 columns."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memories.answers import Explanation, Hit
from memories.demo.samples import Question

BAR_CELLS = 8
EIGHTHS = " ▏▎▍▌▋▊▉█"
TOP_SIGNALS = 3


def shown(question: Question, hits: Sequence[Hit]) -> RenderableType:
    """The question, its best hits with where their scores come from, and a remark."""
    table = Table(title=question.text, title_justify="left", title_style="bold", box=box.ROUNDED, expand=True)
    table.caption, table.caption_justify, table.caption_style = question.remark, "left", "italic"
    table.add_column("Score", width=5)
    table.add_column("Who, when", width=10)
    table.add_column("What", ratio=1)
    table.add_column("Why", width=24)
    for hit in hits:
        memory = hit.memory
        who = f"{memory.speaker or memory.role}\n{memory.occurred_at:%Y-%m-%d}"
        table.add_row(f"{hit.score:.3f}", who, Text(memory.content), why(hit.explanation), end_section=True)
    return table


def why(explanation: Explanation | None) -> RenderableType:
    """The parts of a score as bars, and below them what made up most of the similarity."""
    if explanation is None:
        return ""
    parts = Table.grid(padding=(0, 1))
    for name in ("similarity", "importance", "recency"):
        value = getattr(explanation, name)
        parts.add_row(name, Text(bar(value), style="green"), f"{value:.2f}"[:4])
    largest = sorted(explanation.signals.items(), key=lambda signal: -signal[1])[:TOP_SIGNALS]
    return Group(
        parts, *(Text(f"  {name} +{value:.2f}", style="dim") for name, value in largest if value > 0)
    )


def bar(value: float) -> str:
    """A number from 0 to 1 as a bar, drawn in eighths of a cell."""
    whole, eighths = divmod(round(min(max(value, 0.0), 1.0) * BAR_CELLS * 8), 8)
    return ("█" * whole + EIGHTHS[eighths].strip()).ljust(BAR_CELLS)
