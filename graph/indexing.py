"""Brings a graph store outside of PostgreSQL level with the rows.

What changed has marks, written by trigger in the transaction of the change. For a tenant one worker at a time, who has a
lease, takes the oldest, makes the store hold what the rows say of what they name, and removes those marks that it read:
what changes meanwhile has another one. So nothing is written by two at once, nodes come before what hangs on them, and
whatever is cut short is done again. A store that was never filled, or has lost what it held, knows no epoch or
another one: then all rows are marked.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import redis
import structlog
from celery import current_app
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import KombuError
from psycopg_pool import PoolTimeout

from graph.models import Projection, ProjectMark, Projector
from graph.rows import entities_of, groups_of, memories_of
from graph.stores import GraphProjection, GraphUnavailable, graph_projection
from graph.stores.base import Group
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.later import later
from memos_project.redis import client
from memos_project.tenancy.models import Tenant

log = structlog.get_logger(__name__)

# Marks taken at once.
BATCH = 4000
# Seconds in which changes gather, and after which somebody else takes over from who was killed. A batch takes a few at
# most; the store gives up a transaction of its own long before.
GATHERING, LEASE = 0.2, 120.0

HOLD = """
INSERT INTO graph_projector (tenant_id, token, held_until)
VALUES (%(tenant)s, %(token)s, statement_timestamp() + make_interval(secs => %(lease)s))
ON CONFLICT (tenant_id) DO UPDATE SET token = excluded.token, held_until = excluded.held_until
WHERE graph_projector.held_until <= statement_timestamp() OR graph_projector.token = excluded.token
RETURNING epoch
"""
TAKE = """
SELECT id, kind, node_id, predicate, attempts FROM graph_projectmark
WHERE tenant_id = %(tenant)s AND due_at <= statement_timestamp() ORDER BY id LIMIT %(limit)s
"""
# Who takes over puts another token in: with ours still there nobody has written since, be the time over or not.
KEEP = """
UPDATE graph_projector SET held_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE tenant_id = %(tenant)s AND token = %(token)s
RETURNING tenant_id
"""
FINISH = "DELETE FROM graph_projectmark WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)"
# Whoever writes just now has perhaps not seen that marks are wanted: wait for them, for one table at a time, since who
# holds a lock and waits for another may stop somebody who has that one.
WAIT_FOR_WRITERS = [
    f"LOCK TABLE {table} IN SHARE MODE"
    for table in ("graph_entity", "graph_reading", "graph_mention", "graph_relation")
]
MARK_ALL = """
INSERT INTO graph_projectmark (tenant_id, kind, node_id, predicate)
SELECT tenant_id, 1, id, '' FROM graph_entity WHERE tenant_id = %(tenant)s
UNION ALL SELECT tenant_id, 2, memory_id, '' FROM graph_reading WHERE tenant_id = %(tenant)s
UNION ALL (
    SELECT DISTINCT r.tenant_id, 3, r.subject_id, r.predicate FROM graph_relation r
    WHERE r.tenant_id = %(tenant)s AND r.unlearned_at IS NULL AND NOT r.negated
)
"""
MARK = """
INSERT INTO graph_projectmark (tenant_id, kind, node_id, predicate)
SELECT %(tenant)s, %(kind)s, * FROM unnest(%(ids)s::uuid[], %(predicates)s::text[])
"""


type Key = tuple[int, UUID, str]
"""Kind, node and predicate: what a mark names."""


class LeaseLost(Exception):
    """Somebody else is about the tenant's graph store, or was meanwhile: what was read is perhaps no longer so."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that may be behind."""

    id: int
    kind: ProjectMark.Kind
    node_id: UUID
    predicate: str
    attempts: int

    @property
    def key(self) -> Key:
        return self.kind, self.node_id, self.predicate


def wake(tenant_id: UUID) -> None:
    """Have a worker bring a tenant's graph store level in a moment; the sweep makes certain what messages make soon."""
    if graph_projection() is None:
        return
    try:
        if client().set(f"graph:awake:{tenant_id}", 1, nx=True, px=int(1000 * GATHERING)):
            current_app.send_task("graph.tasks.project_graph", args=[str(tenant_id)], countdown=GATHERING)
    except (redis.RedisError, KombuError, OSError) as error:
        log.warning("the graph store is left to the sweep", error=str(error))


def wake_on_commit(tenant_id: UUID) -> None:
    """The same once the caller's transaction is over, without having it wait for Redis."""
    if graph_projection() is not None:
        transaction.on_commit(partial(later, wake, tenant_id))


def sweep() -> int:
    """Wake a worker for every tenant whose graph store is behind; returns for how many."""
    if graph_projection() is None:
        return 0
    begin()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM graph_backlog() WHERE due > 0 OR waiting = 0")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        wake(tenant_id)
    return len(tenants)


def is_level(tenant_id: UUID) -> bool:
    """Whether the graph store holds what the tenant's rows say."""
    with tenant_scope(tenant_id, pipelined=True):
        [[level]] = fetch_prepared("SELECT graph_is_level(%(tenant)s)", {"tenant": tenant_id})
    return bool(level)


def begin() -> UUID:
    """Have changes leave marks from now on; returns the epoch under which the store is to be filled."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO graph_projection (id) VALUES (1) ON CONFLICT DO NOTHING")
    epoch: UUID = Projection.objects.get().epoch
    return epoch


def end() -> None:
    """Have changes leave no marks any more: there is no graph store to be brought level."""
    if not Projection.objects.all().delete()[0]:
        return
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with tenant_scope(tenant_id):
            ProjectMark.objects.all().delete()


def mark(tenant_id: UUID, kind: ProjectMark.Kind, keys: Sequence[UUID | Group]) -> None:
    """Have nodes, or groups of relations, looked at again; in the caller's transaction of the tenant."""
    pairs = [each if isinstance(each, tuple) else (each, "") for each in keys]
    ids, predicates = [each for each, _ in pairs], [each for _, each in pairs]
    with connection.cursor() as cursor:
        cursor.execute(MARK, {"tenant": tenant_id, "kind": kind, "ids": ids, "predicates": predicates})


def has_no_work(tenant_id: UUID) -> bool:
    """Whether nobody is about a tenant's graph store, and nothing is due: at most what failed waits for another try."""
    with tenant_scope(tenant_id):
        due = ProjectMark.objects.filter(tenant_id=tenant_id, due_at__lte=Now())
        # The first in the index's order, not exists(): ``tenancy.planner`` says why.
        is_due = due.order_by("id").values("id").first() is not None
        held = Projector.objects.filter(tenant_id=tenant_id, held_until__gt=Now()).exists()
    return not (is_due or held)


def forget_epoch(tenant_id: UUID) -> None:
    """Have the tenant's graph store emptied and filled anew by whoever next brings it level."""
    with tenant_scope(tenant_id):
        Projector.objects.filter(tenant_id=tenant_id).update(epoch=None)


def drain(tenant_id: UUID) -> int:
    """Bring a tenant's graph store level, unless somebody else is about it; returns how many marks were worked off."""
    return sum(drained(tenant_id))


def drained(tenant_id: UUID, *, or_fail: bool = False) -> Iterator[int]:
    """The same, batch by batch; with ``or_fail`` GraphUnavailable is raised, which else is left to the sweep."""
    store = graph_projection()
    if store is None:
        return
    try:
        yield from _drained(store, tenant_id)
    except GraphUnavailable as error:
        log.warning("the graph store is behind", tenant=str(tenant_id), error=str(error)[:200])
        if or_fail:
            raise


def _drained(store: GraphProjection, tenant_id: UUID) -> Iterator[int]:
    token, done = uuid4(), 1
    # Again, for who leaves a mark just before the lease is given back finds it taken.
    while done and _hold(tenant_id, token):
        done = 0
        try:
            _fill(store, tenant_id)
            for step in _work(store, tenant_id, token):
                done += step
                yield step
        finally:
            _release(tenant_id, token)


def _work(store: GraphProjection, tenant_id: UUID, token: UUID) -> Iterator[int]:
    while _hold(tenant_id, token):
        with tenant_scope(tenant_id):
            rows = fetch_prepared(TAKE, {"tenant": tenant_id, "limit": BATCH})
        if not rows:
            return
        marks = [Mark(number, ProjectMark.Kind(kind), *rest) for number, kind, *rest in rows]
        yield _level(store, tenant_id, marks, token)


def _hold(tenant_id: UUID, token: UUID) -> bool:
    """Take the tenant's lease, or keep it."""
    with tenant_scope(tenant_id):
        return bool(fetch_prepared(HOLD, {"tenant": tenant_id, "token": token, "lease": LEASE}))


def _keep(tenant_id: UUID, token: UUID) -> bool:
    """Prolong the lease, unless somebody else has had it since; until the caller's transaction ends nobody else can."""
    with tenant_scope(tenant_id):
        return bool(fetch_prepared(KEEP, {"tenant": tenant_id, "token": token, "lease": LEASE}))


def _release(tenant_id: UUID, token: UUID) -> None:
    with tenant_scope(tenant_id):
        Projector.objects.filter(tenant_id=tenant_id, token=token).update(token=None, held_until=Now())


def _fill(store: GraphProjection, tenant_id: UUID) -> None:
    """Mark all rows if the store is empty, or filled under another epoch.

    The store is told of its epoch last: who is killed before finds it missing the next time.
    """
    epoch = begin()
    with tenant_scope(tenant_id):
        [marked] = Projector.objects.filter(tenant_id=tenant_id).values_list("epoch", flat=True)
    if marked == epoch and store.epoch(tenant_id) == str(epoch):
        return
    forget_epoch(tenant_id)  # what is half cleared must not pass for level
    store.create()
    store.clear(tenant_id)
    for statement in WAIT_FOR_WRITERS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with tenant_scope(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(MARK_ALL, {"tenant": tenant_id})
        Projector.objects.filter(tenant_id=tenant_id).update(epoch=epoch)
    store.begin_epoch(tenant_id, str(epoch))


def _level(store: GraphProjection, tenant_id: UUID, marks: Sequence[Mark], token: UUID) -> int:
    """Make the store hold what the rows say of what is marked; what is refused alone does not hold up the rest."""
    try:
        late = _project(store, tenant_id, {each.key for each in marks}, token)
    except LeaseLost:
        _mark_again(tenant_id, marks)
        return 0
    except GraphUnavailable:
        if not _keep(tenant_id, token):
            _mark_again(tenant_id, marks)
        raise  # the marks stay
    except (OperationalError, InterfaceError, PoolTimeout):
        raise
    except Exception as error:
        keys = sorted({each.key for each in marks})
        if len(keys) > 1:
            half = {*keys[: len(keys) // 2]}
            parts = (
                [each for each in marks if each.key in half],
                [each for each in marks if each.key not in half],
            )
            return sum(_level(store, tenant_id, part, token) for part in parts)
        log.exception("the graph store could not be brought level", node=str(marks[0].node_id))
        _put_off(tenant_id, marks, repr(error))
        return 0
    _put_off(tenant_id, [each for each in marks if each.key in late], "An entity of it is not there.")
    done = [each.id for each in marks if each.key not in late]
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        if not _keep(tenant_id, token):
            _mark_again(tenant_id, marks)
            return 0
        cursor.execute(FINISH, {"tenant": tenant_id, "ids": done})
        return int(cursor.rowcount)


def _mark_again(tenant_id: UUID, marks: Sequence[Mark]) -> None:
    """Have looked at again what was perhaps overwritten: who took over may have removed all marks, newer ones too."""
    with tenant_scope(tenant_id):
        for kind in ProjectMark.Kind:
            keys = {each.key for each in marks if each.kind == kind}
            mark(tenant_id, kind, [(node_id, predicate) for _, node_id, predicate in sorted(keys)])


def _project(store: GraphProjection, tenant_id: UUID, keys: Collection[Key], token: UUID) -> set[Key]:
    """Entities, then memories, then relations; returns what must wait for entities that are not there.

    Raises LeaseLost.
    """
    kinds = ProjectMark.Kind
    ids = {kind: [node_id for each, node_id, _ in keys if each == kind] for kind in kinds}
    groups = [(node_id, predicate) for kind, node_id, predicate in keys if kind == kinds.RELATIONS]
    with tenant_scope(tenant_id, pipelined=True):
        entities = entities_of(tenant_id, ids[kinds.ENTITY])
        memories = memories_of(tenant_id, ids[kinds.MEMORY])
        relations = groups_of(tenant_id, groups)

    def held() -> GraphProjection:
        """The store, as long as it is ours to write to."""
        if not _keep(tenant_id, token):
            raise LeaseLost
        return store

    held().put_entities(tenant_id, list(entities.values()))
    held().drop(
        tenant_id,
        entities=[each for each in ids[kinds.ENTITY] if each not in entities],
        memories=[each for each in ids[kinds.MEMORY] if each not in memories],
    )
    without = held().put_memories(tenant_id, memories)
    lacking = held().put_relations(tenant_id, relations)
    if without or lacking:
        wanted = {entity for each in without for entity in memories[each]}.union(*lacking.values())
        with tenant_scope(tenant_id):
            mark(tenant_id, kinds.ENTITY, sorted(wanted))
    return {(int(kinds.MEMORY), each, "") for each in without} | {
        (int(kinds.RELATIONS), *group) for group in lacking
    }


def _put_off(tenant_id: UUID, marks: Sequence[Mark], error: str) -> None:
    """Try again later, the later the more often it failed, up to an hour."""
    if not marks:
        return
    attempts = max(each.attempts for each in marks)
    pause = timedelta(seconds=min(3600.0, 2.0 ** min(attempts, 12)) * random.uniform(0.5, 1.0))
    with tenant_scope(tenant_id):
        ProjectMark.objects.filter(pk__in=[each.id for each in marks]).update(
            due_at=timezone.now() + pause, attempts=F("attempts") + 1, error=error[:2000]
        )
