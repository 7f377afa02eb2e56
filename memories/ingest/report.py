"""What the ingest commands print: the plan of a dry run, and what a run did."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from memories.ingest.plan import Plan, PlannedConversation
from memories.ingest.run import Batch

MOST_CONVERSATIONS = 50


@dataclass(slots=True)
class Tally:
    """The sum over batches."""

    created: int = 0
    duplicates: int = 0
    refused: int = 0

    @property
    def seen(self) -> int:
        return self.created + self.duplicates + self.refused

    def add(self, batch: Batch) -> None:
        self.created += batch.created
        self.duplicates += batch.duplicates
        self.refused += len(batch.refusals)

    def summary(self, seconds: float) -> str:
        rate = self.seen / max(seconds, 1e-3)
        return (
            f"{self.seen:,} messages: {self.created:,} created, {self.duplicates:,} duplicates,"
            f" {self.refused:,} refused, in {seconds:,.1f} s ({rate:,.0f} per second)."
        )


def plan_text(plan: Plan, tally: Tally, *, width: int) -> str:
    """A line for each conversation, and the sums."""
    output = io.StringIO()
    console = Console(file=output, width=width, highlight=False)
    console.print(_table(list(plan.conversations.values())[:MOST_CONVERSATIONS]))
    if (more := len(plan.conversations) - MOST_CONVERSATIONS) > 0:
        console.print(f"and {more:,} more conversations")
    console.print(
        f"\nWould create {tally.created:,} messages in {len(plan.conversations):,} conversations;"
        f" {tally.duplicates:,} are there already, {tally.refused:,} would be refused. Nothing was stored."
    )
    return output.getvalue()


def _table(conversations: Iterable[PlannedConversation]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("User", max_width=16, no_wrap=True)
    table.add_column("Conversation", no_wrap=True, ratio=1)
    table.add_column("New", justify="right")
    table.add_column("Present", justify="right")
    table.add_column("From", no_wrap=True, min_width=10)
    table.add_column("To", no_wrap=True, min_width=10)
    for each in conversations:
        days = (f"{when:%Y-%m-%d}" if when else "" for when in (each.first, each.last))
        table.add_row(
            each.user_id or "(none)",
            each.title or each.conversation_id or "(none)",
            f"{each.new:,}",
            f"{each.present:,}",
            *days,
        )
    return table
