"""A run over files as an operator sees it: with progress, until the end or until it is stopped."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from memories.ingest.base import Messages, Refusal
from memories.ingest.files import Source, opened
from memories.ingest.meters import Meter
from memories.ingest.plan import Plan, plan
from memories.ingest.report import Tally
from memories.ingest.run import Choices, ingest
from memories.ingest.stopping import Wish
from memories.ingest.waiting import count_given_up, until_indexed
from memos_project.tenancy.callers import TenantInfo

MOST_REFUSALS = 100  # said one by one


@dataclass(slots=True, kw_only=True)
class Work:
    """What is to be done for a tenant, and how far it has come."""

    tenant: TenantInfo
    choices: Choices
    batch: int
    strict: bool
    meter: Meter
    wish: Wish
    tally: Tally = field(default_factory=Tally)

    def store(self, sources: Sequence[Source], *, actor: str) -> None:
        """Store what the sources hold."""

        def step(messages: Messages) -> Iterable[list[Refusal]]:
            for done in ingest(self.tenant, messages, self.choices, batch=self.batch, actor=actor):
                self.tally.add(done)
                yield done.refusals

        self._each(sources, step)

    def plan(self, sources: Sequence[Source]) -> Plan:
        """Look at what the sources hold."""
        planned = Plan()

        def step(messages: Messages) -> Iterable[list[Refusal]]:
            for looked_at in plan(self.tenant, messages, self.choices, batch=self.batch, into=planned):
                self.tally.add(looked_at)
                yield looked_at.refusals

        self._each(sources, step)
        return planned

    def wait(self) -> str:
        """Stay until all is indexed that is stored by now, and say how that went."""
        started, total = time.monotonic(), 0
        for left in until_indexed(self.tenant.id):
            if not total:
                total = left
                self.meter.begin("indexing", total)
            self.meter.at(total - left, f"{left:,} left")
            if self.wish:
                return f"{left:,} are still to be indexed."
        given_up = count_given_up(self.tenant.id)
        indexed = f"Indexed after another {time.monotonic() - started:,.1f} s."
        return (
            f"{indexed} {given_up:,} were given up: the admin's index backlog says why."
            if given_up
            else indexed
        )

    @property
    def is_over(self) -> bool:
        """Whether somebody wishes so, or something was refused where nothing may be."""
        return bool(self.wish) or (self.strict and self.tally.refused > 0)

    def _each(self, sources: Sequence[Source], step: Callable[[Messages], Iterable[list[Refusal]]]) -> None:
        for source in sources:
            if self.is_over:
                return
            self.meter.begin(source.name, source.size)
            with opened(source) as (stream, messages):
                for refusals in step(messages):
                    self._tell(source, refusals)
                    self.meter.at(stream.tell(), f"{self.tally.seen:,} messages")
                    if self.is_over:
                        return

    def _tell(self, source: Source, refusals: Sequence[Refusal]) -> None:
        """Say what was refused: the first ones each, of more only that they are."""
        before = self.tally.refused - len(refusals)
        for refusal in refusals[: max(0, MOST_REFUSALS - before)]:
            self.meter.say(f"{source.name}: {refusal.place}: {refusal.reason}")
        if before <= MOST_REFUSALS < self.tally.refused:
            self.meter.say("More was refused, which is only counted from here on.")
