"""One step of a consolidation: write a note, verify it, let its sources recede, or take all of it back."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from memories import metrics, notes
from memories.consolidation import Summary, get_summariser
from memories.consolidation.clusters import LEAST
from memories.models import ConsolidationRun as Run
from memories.models import ConsolidationStep as Step
from memories.models import Memory, MemoryVersion, Note, NoteSource
from memories.services import NewNote, note_down
from memos_project.db import tenant_scope
from memos_project.tenancy.callers import TenantInfo


class Gone(Exception):
    """Why a step cannot be done: what it rests on has changed since it was planned."""


def write(tenant: TenantInfo, run: Run, step: Step) -> None:
    """Write a step's note, unless somebody has done so; the summary is made before the transaction."""
    read = _read(tenant.id, step)
    summary = get_summariser().summarise([notes.source_of(each) for each in read])
    with tenant_scope(tenant.id):
        sources = notes.held(tenant.id, [each.pk for each in read])
        if [*map(_identity, sources)] != [*map(_identity, read)]:
            raise Gone("A source changed while the note was made.")
        locked = Step.objects.select_for_update().get(pk=step.pk)
        if locked.state != Step.State.PLANNED:
            return
        if _is_cited(locked.memory_ids):
            raise Gone("A source has found its way into another note.")
        if locked.grows:
            _grow(tenant, locked, sources, summary)
        else:
            _make(tenant, run, locked, sources, summary)
        locked.state = Step.State.WRITTEN
        locked.save(update_fields=["state", "note_id", "version", "former"])


def _identity(memory: Memory) -> tuple[UUID, str]:
    return memory.pk, memory.content_hash


def _read(tenant_id: UUID, step: Step) -> list[Memory]:
    """The sources of a step's note, also those it has already, in the order of time."""
    with tenant_scope(tenant_id):
        ids = set(step.memory_ids)
        fresh = list(Memory.objects.filter(tenant_id=tenant_id, pk__in=ids, **notes.LASTING))
        if {each.pk for each in fresh} != ids:
            raise Gone("A source is no longer there.")
        if step.grows:
            if not Note.objects.filter(pk=step.note_id).exists():
                raise Gone("The note is no longer there.")
            ids |= {*NoteSource.objects.filter(note_id=step.note_id).values_list("memory_id", flat=True)}
        return list(Memory.objects.filter(tenant_id=tenant_id, pk__in=ids).order_by("occurred_at", "id"))


def _is_cited(memory_ids: Sequence[UUID]) -> bool:
    return NoteSource.objects.filter(memory_id__in=memory_ids).exists()


def _make(tenant: TenantInfo, run: Run, step: Step, sources: Sequence[Memory], summary: Summary) -> None:
    item = NewNote(
        content=summary.content,
        context=summary.context,
        title=summary.title,
        user_id=sources[0].user_id,
        agent_id=notes.ACTOR,
        keywords=summary.keywords,
        tags=summary.tags,
        sources=[each.pk for each in sources],
        summariser=summary.summariser,
    )
    answer = note_down(tenant, item, actor=run.actor)
    if not answer.created:
        raise Gone("There is a note that says the same.")
    step.note_id = answer.id


def _grow(tenant: TenantInfo, step: Step, sources: Sequence[Memory], summary: Summary) -> None:
    memory = _note(step)
    if memory is None:
        raise Gone("The note is no longer there.")
    step.version = memory.version
    notes.rewrite(tenant, memory, summary, sources)
    notes.cite(tenant.id, memory.pk, sources)
    step.former = {"links": [str(each) for each in notes.link(tenant.id, memory.pk, memory.user_id)]}


def recede(tenant_id: UUID, step_id: UUID) -> int:
    """Verify a written note, and only then let its sources count for less; 1 if this made the step whole."""
    with tenant_scope(tenant_id):
        step = Step.objects.get(pk=step_id)
        sources = notes.held(tenant_id, step.memory_ids)
        step = Step.objects.select_for_update().get(pk=step_id)
        if step.state != Step.State.WRITTEN:
            return 0
        _verify(step, sources)
        before = {each.pk: each.importance_computed for each in sources if not each.pinned}
        since = {pk: round(value * settings.MEMOS_CONSOLIDATION_RECEDE, 4) for pk, value in before.items()}
        for pk, value in since.items():
            Memory.objects.filter(pk=pk).update(importance_computed=value)
        step.former |= {"importance": {str(pk): [before[pk], since[pk]] for pk in before}}
        step.state = Step.State.DONE
        step.save(update_fields=["former", "state"])
    metrics.CONSOLIDATED.labels(outcome="grown" if step.grows else "made").inc()
    return 1


def _verify(step: Step, sources: Sequence[Memory]) -> None:
    """A note is there if PostgreSQL gives it back with its text and with every one of its sources."""
    note = Note.objects.select_related("memory").filter(pk=step.note_id).first()
    if note is None or not note.memory.content:
        raise Gone("The note is not there.")
    cited = {*NoteSource.objects.filter(note_id=step.note_id).values_list("memory_id", flat=True)}
    if not {each.pk for each in sources} <= cited:
        raise Gone("The note does not cite all of its sources.")


def trim(tenant_id: UUID, step: Step) -> bool:
    """Leave out of a planned step what is gone or cited by now; whether what is left is still worth a note."""
    with tenant_scope(tenant_id):
        there = Memory.objects.filter(pk__in=step.memory_ids, cited_by=None, **notes.LASTING)
        left = sorted(there.values_list("pk", flat=True))
        lacks = len(step.memory_ids) - len(left)
        if not lacks or len(left) < (1 if step.grows else LEAST):
            return False
        step.memory_ids = left
        return bool(Step.objects.filter(pk=step.pk, state=Step.State.PLANNED).update(memory_ids=left))


def drop(tenant: TenantInfo, step_id: UUID, reason: str) -> None:
    """Give a step up: what it had written goes, its sources are as they were."""
    with tenant_scope(tenant.id):
        step = Step.objects.get(pk=step_id)
        notes.held(tenant.id, step.memory_ids)
        step = Step.objects.select_for_update().get(pk=step_id)
        if step.state == Step.State.WRITTEN:
            take_back(tenant, step)
        if step.state in (Step.State.PLANNED, Step.State.WRITTEN):
            step.state, step.reason = Step.State.DROPPED, reason[:500]
            step.save(update_fields=["state", "reason"])
            metrics.CONSOLIDATED.labels(outcome="dropped").inc()


def take_back(tenant: TenantInfo, step: Step) -> None:
    memory = _note(step)
    if memory is None:
        return  # withdrawn since, as its sources were forgotten
    if not step.grows:
        notes.withdraw(tenant.id, memory)
        return
    NoteSource.objects.filter(note_id=memory.pk, memory_id__in=step.memory_ids).delete()
    notes.unlink(memory.pk, [UUID(each) for each in step.former["links"]])
    if step.version is not None and not notes.restore(tenant, memory, step.version):
        # What it was rested on what has been revised or forgotten since.
        notes.remake(tenant, memory)
        MemoryVersion.objects.filter(memory_id=memory.pk, version__gte=step.version).delete()


def _note(step: Step) -> Memory | None:
    """The memory of a step's note, locked; None if it is not there."""
    if step.note_id is None:
        return None
    return Memory.objects.select_for_update(no_key=True).filter(pk=step.note_id).first()
