"""Consolidation as a run that can be interrupted, continued and undone.

    plan, written down as steps -> for each: summarise, write the note -> verify it -> let its sources recede

Each arrow is a transaction that finds its step where the one before left it, so that a run that was cut off is taken
up by whoever comes next. Sources are never changed but in how much they count, and that is written down first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import current_app
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown
from psycopg_pool import PoolTimeout

from memories import notes
from memories.consolidation import steps
from memories.consolidation.plan import Plan, plan
from memories.models import ConsolidationMark, Memory, MemoryVersion
from memories.models import ConsolidationRun as Run
from memories.models import ConsolidationStep as Step
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, NotFound
from memos_project.tenancy.callers import TenantInfo, tenant_info
from memos_project.tenancy.models import Tenant

log = structlog.get_logger(__name__)

FIRST = UUID(int=0)
# Seconds for which nobody else takes up a run, besides what a language model may take.
LEASE = 60.0
# How old memories are before the mark passes them: ids are drawn before they are seen, and others may come in between.
SETTLED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; without one where another worker is at it."""

    run_id: UUID | None
    made: int
    """Notes that were made or grew."""
    is_more: bool
    """Whether there may be more to look at."""


def sweep() -> int:
    """Have each tenant consolidated that has new memories; returns how many."""
    return _wake_all("has_fresh")


def take_up() -> int:
    """Have runs continued that were cut off; returns for how many tenants."""
    return _wake_all("is_cut_off")


def _wake_all(why: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tenant_id FROM memos_to_consolidate() WHERE {why}")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        wake(tenant_id)
    return len(tenants)


def wake(tenant_id: UUID) -> None:
    """Have a worker consolidate a tenant's memories; the beat makes certain what messages make soon."""
    try:
        current_app.send_task("memories.tasks.consolidate", args=[str(tenant_id)])
    except (BrokerDown, OSError) as error:
        log.warning("consolidation left to the beat", error=str(error))


def consolidate(tenant_id: UUID, *, user_id: str | None = None, actor: str = notes.ACTOR) -> Outcome:
    """Make notes of what is new, as much as one run looks at; or bring a run that was cut off to its end."""
    before = _mark(tenant_id)
    run = begin(tenant_id, user_id=user_id, actor=actor)
    if run is None:
        return Outcome(None, 0, is_more=False)
    made = carry_on(tenant_info(Tenant.objects.get(pk=tenant_id)), run.pk)
    return Outcome(run.pk, made, is_more=_mark(tenant_id) != before)


def start(tenant_id: UUID, *, user_id: str | None = None, actor: str) -> Run:
    """Begin a run and have a worker do it; raises Conflict where one is under way."""
    run = _begun(tenant_id, user_id=user_id, actor=actor)
    if run is None:
        raise Conflict("A consolidation is under way.")
    try:
        told = [str(tenant_id), str(run.pk), run.leased_until.isoformat()]
        current_app.send_task("memories.tasks.carry_on_consolidation", args=told)
    except (BrokerDown, OSError) as error:
        log.warning("consolidation left to the beat", error=str(error))
    return run


def carry_on_once(tenant_id: UUID, run_id: UUID, leased_until: datetime) -> None:
    """Do a run that was begun with this lease; a message that comes twice finds another one."""
    with tenant_scope(tenant_id):
        mine = Run.objects.filter(pk=run_id, state=Run.State.RUNNING, leased_until=leased_until)
        if not mine.update(leased_until=_lease_end()):
            return
    carry_on(tenant_info(Tenant.objects.get(pk=tenant_id)), run_id)


def planned(tenant_id: UUID, *, user_id: str | None = None) -> Plan:
    """What a run would do that began now."""
    return plan(tenant_id, after=_after(tenant_id, user_id), user_id=user_id)


def read(tenant_id: UUID, run_id: UUID) -> tuple[Run, list[Step]]:
    """A run with its steps in order; raises NotFound."""
    with tenant_scope(tenant_id):
        run = Run.objects.filter(tenant_id=tenant_id, pk=run_id).first()
        if run is None:
            raise NotFound("There is no such consolidation.")
        return run, list(run.steps.order_by("number"))


def list_runs(tenant_id: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Run]:
    """Runs, the latest first, from the one before ``before`` on."""
    with tenant_scope(tenant_id):
        found = Run.objects.filter(tenant_id=tenant_id)
        if before is not None:
            found = found.filter(pk__lt=before)
        return list(found.order_by("-pk")[:limit])


def begin(tenant_id: UUID, *, user_id: str | None = None, actor: str = notes.ACTOR) -> Run | None:
    """A run of the tenant to work on: a new one, or one that was cut off; None where another worker has it."""
    with tenant_scope(tenant_id):
        running = Run.objects.select_for_update().filter(tenant_id=tenant_id, state=Run.State.RUNNING).first()
        if running is None:
            return _begun(tenant_id, user_id=user_id, actor=actor)
        if running.leased_until > timezone.now():
            return None
        running.leased_until = _lease_end()
        running.save(update_fields=["leased_until"])
        return running


def _begun(tenant_id: UUID, *, user_id: str | None, actor: str) -> Run | None:
    """A new run; None where there is one."""
    try:
        with tenant_scope(tenant_id):
            return Run.objects.create(
                tenant_id=tenant_id, user_id=user_id, actor=actor, leased_until=_lease_end()
            )
    except IntegrityError:
        return None


def carry_on(tenant: TenantInfo, run_id: UUID) -> int:
    """Do what is left of a run; returns how many notes were made or grew in it.

    Whatever cuts it off, it is continued when its lease is over.
    """
    run = _planned(tenant.id, run_id)
    with tenant_scope(tenant.id):
        planned = list(Step.objects.filter(run_id=run_id).order_by("number"))
    done = 0
    for step in planned:
        _lease(tenant.id, run_id, _lease_end())
        try:
            done += _do(tenant, run, step)
        except steps.Gone as reason:
            steps.drop(tenant, step.pk, str(reason))
        except (OperationalError, InterfaceError, PoolTimeout):
            raise  # the database is away: the lease brings the run back
        except (KeyboardInterrupt, SystemExit):
            _lease(tenant.id, run_id, timezone.now())  # whoever comes next need not wait
            raise
        except Exception as error:
            log.exception("a consolidation step failed", run=str(run_id), step=step.number)
            steps.drop(tenant, step.pk, type(error).__name__)
    _end(tenant.id, run)
    return done


def _do(tenant: TenantInfo, run: Run, step: Step) -> int:
    """What is left of a step; where sources have gone meanwhile, with those that are there."""
    try:
        if step.state == Step.State.PLANNED:
            steps.write(tenant, run, step)
    except steps.Gone:
        if not steps.trim(tenant.id, step):
            raise
        steps.write(tenant, run, step)
    return steps.recede(tenant.id, step.pk)


def _planned(tenant_id: UUID, run_id: UUID) -> Run:
    """The run with its steps written down, all or none."""
    with tenant_scope(tenant_id):
        run = Run.objects.get(pk=run_id)
        after = _after(tenant_id, run.user_id)
    if run.planned:
        return run
    found = plan(tenant_id, after=after, user_id=run.user_id)
    with tenant_scope(tenant_id):
        run = Run.objects.select_for_update().get(pk=run_id)
        if not run.planned:
            Step.objects.bulk_create(
                Step(
                    tenant_id=tenant_id,
                    run=run,
                    number=number,
                    note_id=group.note_id,
                    grows=group.note_id is not None,
                    memory_ids=sorted(group.memory_ids),
                )
                for number, group in enumerate(found.groups)
            )
            run.planned, run.upto = True, found.upto
            run.save(update_fields=["planned", "upto"])
    return run


def _end(tenant_id: UUID, run: Run) -> None:
    """The run is over: the next one begins after what this one has looked at, as far as that has settled."""
    with tenant_scope(tenant_id):
        if run.upto is None and run.actor == notes.ACTOR:
            Run.objects.filter(pk=run.pk).delete()  # there was nothing to look at, and nobody asked
            return
        ended = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            state=Run.State.DONE, ended_at=timezone.now()
        )
        if not ended or run.upto is None or run.user_id is not None:
            return
        settled = (
            Memory.objects.filter(
                tenant_id=tenant_id, pk__lte=run.upto, created_at__lt=timezone.now() - SETTLED
            )
            .order_by("-pk")
            .values_list("pk", flat=True)
            .first()
        )
        if settled is not None and settled > _mark(tenant_id):
            ConsolidationMark.objects.update_or_create(tenant_id=tenant_id, defaults={"upto": settled})


def undo(tenant: TenantInfo, run_id: UUID, *, actor: str) -> None:
    """Bring back what was before a run: its notes go, those that grew are as they were, and sources count again.

    Raises NotFound; Conflict where it is running, undone already, or what it made has been changed since by another
    run or by hand.
    """
    with tenant_scope(tenant.id):
        run = Run.objects.select_for_update().filter(tenant_id=tenant.id, pk=run_id).first()
        if run is None:
            raise NotFound("There is no such consolidation.")
        if run.state != Run.State.DONE:
            raise Conflict(f"It is {run.state}.")
        done = list(Step.objects.filter(run=run, state=Step.State.DONE).order_by("-number"))
        notes.held(tenant.id, {each for step in done for each in step.memory_ids})
        notes.held(tenant.id, {step.note_id for step in done if step.note_id})
        for step in done:
            _check_untouched(step)
        for step in done:
            steps.take_back(tenant, step)
            for pk, (before, since) in step.former["importance"].items():
                Memory.objects.filter(pk=UUID(pk), importance_computed=since).update(
                    importance_computed=before
                )
        Step.objects.filter(pk__in=[step.pk for step in done]).update(state=Step.State.UNDONE)
        run.state, run.undone_by = Run.State.UNDONE, actor
        run.save(update_fields=["state", "undone_by"])


def _check_untouched(step: Step) -> None:
    if step.note_id is None:
        return
    later = Step.objects.filter(
        note_id=step.note_id, run_id__gt=step.run_id, state__in=(Step.State.WRITTEN, Step.State.DONE)
    ).first()
    if later:
        raise Conflict(f"The note {step.note_id} has grown since; undo {later.run_id} first.")
    written = (step.version or 0) + 1
    by_hand = MemoryVersion.objects.filter(memory_id=step.note_id, version__gte=written).exclude(
        actor=notes.ACTOR
    )
    if by_hand.exists():
        raise Conflict(f"The note {step.note_id} has been revised by hand since.")


def _lease(tenant_id: UUID, run_id: UUID, until: datetime) -> None:
    with tenant_scope(tenant_id):
        Run.objects.filter(pk=run_id).update(leased_until=until)


def _lease_end() -> datetime:
    asks_a_model = bool(settings.MEMOS_CONSOLIDATION_LLM_URL)
    patience = 2 * settings.MEMOS_CONSOLIDATION_LLM_TIMEOUT if asks_a_model else 0.0
    return timezone.now() + timedelta(seconds=LEASE + patience)


def _after(tenant_id: UUID, user_id: str | None) -> UUID:
    """After which memory a run begins; one of a user alone, after those that earlier ones of the same have looked at."""
    mark = _mark(tenant_id)
    if user_id is None:
        return mark
    with tenant_scope(tenant_id):
        ended = Run.objects.filter(tenant_id=tenant_id, user_id=user_id, state=Run.State.DONE, upto__gt=mark)
        return ended.order_by("-upto").values_list("upto", flat=True).first() or mark


def _mark(tenant_id: UUID) -> UUID:
    with tenant_scope(tenant_id):
        mark = ConsolidationMark.objects.filter(tenant_id=tenant_id).first()
        return mark.upto if mark else FIRST
