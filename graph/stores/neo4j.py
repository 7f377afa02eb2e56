"""The graph in a Neo4j server: entities and memories as nodes, relations and mentions as relationships.

Tested on ArcadeDB's Bolt server, which is not Neo4j: docs/explanation/graph.md.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import batched, groupby
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.conf import settings
from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, ManagedTransaction, unit_of_work
from neo4j.exceptions import ConstraintError, DriverError, Neo4jError, SessionExpired, TransientError
from neomodel import db
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from graph.stores import cypher, walking
from graph.stores.asking import Search
from graph.stores.base import (
    MAX_DEPTH,
    EntityNode,
    GraphProjection,
    GraphUnavailable,
    Group,
    Neighbour,
    Neighbourhood,
    Node,
    Relationship,
    Way,
)
from graph.stores.bolt import open_session
from graph.stores.walking import Deadline
from memos_project.errors import NotFound

# Rows of one statement, and nodes removed by one.
BATCH, CLEARED = 2000, 1000
# Another writer was quicker, the server asks for another try, or closed a connection that was kept.
AGAIN = (TransientError, ConstraintError, SessionExpired)
OURS = ("Neo.ClientError.Statement", "Neo.ClientError.Schema")
TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"

type Work = Callable[[ManagedTransaction], Any]


class Neo4jStore(GraphProjection):
    """The contract on a Neo4j server, 5.26 or later. Its options, all times in seconds:

    - `url`: bolt://user:password@host:7687/database, or neo4j:// for a cluster, with +s for an encrypted connection.
    - `timeout` for connecting; `write_timeout` for what is read or written in one go, and as long it is tried again.
    - For `cooldown` after no answer came nothing is asked, lest every question wait for a server that is down.
    - `pool_size`, the connections of one process.
    """

    def __init__(
        self,
        *,
        url: str,
        timeout: float = 3.0,
        write_timeout: float = 30.0,
        cooldown: float = 2.0,
        pool_size: int = 20,
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname or not parts.username or parts.password is None:
            raise ValueError("url (NEO4J_URL) must be like bolt://user:password@host:7687/database.")
        self._address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._auth = (unquote(parts.username), unquote(parts.password))
        self._database = parts.path.strip("/") or None
        self._timeout, self._write_timeout, self._cooldown = timeout, write_timeout, cooldown
        self._pool_size = pool_size
        self._resting_until = 0.0

    # -- Ways

    def related(
        self,
        tenant_id: UUID,
        node_id: UUID,
        *,
        depth: int = 1,
        predicates: Collection[str] | None = None,
        mentions: bool = False,
        limit: int = 100,
    ) -> Neighbourhood:
        with self._searching(tenant_id) as search:
            edges = search.edges_of(predicates, mentions=mentions)
            reached, is_cut = walking.neighbours(
                node_id, edges, depth=depth, limit=limit, deadline=search.deadline
            )
            start = search.nodes([node_id]).get(node_id)
        if start is None:
            raise NotFound("There is no such node.")
        found = [
            Neighbour(Node(node_id, step.label, step.name), depth, step.edge())
            for node_id, depth, step in reached
        ]
        return Neighbourhood(start, found, is_cut)

    def path(
        self,
        tenant_id: UUID,
        start: UUID,
        end: UUID,
        *,
        max_depth: int = MAX_DEPTH,
        weighted: bool = False,
        mentions: bool = False,
    ) -> Way:
        with self._searching(tenant_id, field="max_depth") as search:
            found = None if weighted or mentions else search.shortest(start, end, max_depth)
            if found and found.edges:
                return found
            if {start, end} - search.nodes([start, end]).keys():
                raise NotFound("There is no such node.")
            if found and start != end:
                return found
            edges = search.edges_of(None, mentions=mentions)
            return walking.told_way(
                start,
                end,
                edges,
                search.tell,
                max_depth=max_depth,
                weighted=weighted,
                deadline=search.deadline,
            )

    @contextmanager
    def _searching(self, tenant_id: UUID, *, field: str = "depth") -> Iterator[Search]:
        deadline = Deadline(settings.MEMOS_GRAPH_TIMEOUT, field=field)
        with (
            self._server(deadline) as driver,
            open_session(
                driver, lambda: deadline.left, database=self._database, default_access_mode=READ_ACCESS
            ) as session,
        ):
            yield Search(session, tenant_id, deadline)

    # -- The projection

    def create(self) -> None:
        for statement in cypher.SCHEMA:
            self._write(lambda tx, statement=statement: tx.run(statement).consume())  # type: ignore[misc]

    def epoch(self, tenant_id: UUID) -> str | None:
        rows = self._read(cypher.EPOCH, tenant=str(tenant_id))
        return str(rows[0][0]) if rows else None

    def begin_epoch(self, tenant_id: UUID, epoch: str) -> None:
        self._write(lambda tx: tx.run(cypher.BEGIN_EPOCH, tenant=str(tenant_id), epoch=epoch).consume())

    def clear(self, tenant_id: UUID) -> None:
        self._write(lambda tx: tx.run(cypher.END_EPOCH, tenant=str(tenant_id)).consume())
        for statement in cypher.CLEAR.values():
            params = {"tenant": str(tenant_id), "limit": CLEARED}
            while self._write(lambda tx, sql=statement, by=params: tx.run(sql, by).single())[0]:  # type: ignore[misc]
                pass

    def put_entities(self, tenant_id: UUID, entities: Sequence[EntityNode]) -> None:
        rows = [{"id": str(each.id), "kind": each.kind, "name": each.name} for each in entities]
        self._write(lambda tx: _run(tx, cypher.PUT_ENTITIES, tenant_id, rows))

    def put_memories(self, tenant_id: UUID, mentions: Mapping[UUID, Collection[UUID]]) -> set[UUID]:
        rows = [
            {"id": str(memory_id), "entities": [str(each) for each in entities]}
            for memory_id, entities in mentions.items()
        ]
        pairs = sum(len(each) for each in mentions.values())

        def put(tx: ManagedTransaction) -> int:
            _run(tx, cypher.PUT_MEMORIES, tenant_id, rows)
            _run(tx, cypher.DROP_MENTIONS, tenant_id, rows)
            return _run(tx, cypher.PUT_MENTIONS, tenant_id, rows)

        if self._write(put) == pairs:
            return set()
        held = self.held_entities(tenant_id, {each for entities in mentions.values() for each in entities})
        return {memory_id for memory_id, entities in mentions.items() if not held.keys() >= {*entities}}

    def put_relations(
        self, tenant_id: UUID, groups: Mapping[Group, Sequence[Relationship]]
    ) -> dict[Group, set[UUID]]:
        wanted = {each for relations in groups.values() for each in relations}
        held = [*self._held(cypher.HELD_GROUPS, tenant_id, groups=[_group(each) for each in groups])]
        places, times = {_place(each) for each in wanted}, Counter(map(_place, held))
        gone = {each for each in held if _place(each) not in places or times[_place(each)] > 1}
        new = wanted - ({*held} - gone)
        if not (gone or new):
            return {}
        by_subject = groupby(sorted(gone, key=_subject), key=_subject)
        drop = [{"subject": subject, "ids": [str(each.id) for each in some]} for subject, some in by_subject]
        rows = [_row(each) for each in sorted(new, key=_subject)]

        def put(tx: ManagedTransaction) -> int:
            _run(tx, cypher.DROP_RELATIONS, tenant_id, drop)
            return _run(tx, cypher.PUT_RELATIONS, tenant_id, rows)

        if self._write(put) == len(rows):
            return {}
        return self._lacking(tenant_id, new)

    def _lacking(self, tenant_id: UUID, relations: Collection[Relationship]) -> dict[Group, set[UUID]]:
        ends = {end for each in relations for end in (each.subject_id, each.object_id)}
        held = self.held_entities(tenant_id, ends)
        lacking: dict[Group, set[UUID]] = {}
        for each in relations:
            if missing := {each.subject_id, each.object_id} - held.keys():
                lacking.setdefault((each.subject_id, each.predicate), set()).update(missing)
        return lacking

    def drop(
        self, tenant_id: UUID, *, entities: Collection[UUID] = (), memories: Collection[UUID] = ()
    ) -> None:
        for label, ids in (("entity", entities), ("memory", memories)):
            for some in batched(ids, CLEARED):
                params = {"tenant": str(tenant_id), "ids": [str(each) for each in some]}
                self._write(lambda tx, by=params, sql=cypher.DROP[label]: tx.run(sql, by).consume())  # type: ignore[misc]

    def held_entities(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, EntityNode]:
        rows = self._read(cypher.HELD_ENTITIES, tenant=str(tenant_id), ids=[str(each) for each in ids])
        return {UUID(uid): EntityNode(UUID(uid), kind, name) for uid, kind, name in rows}

    def held_memories(self, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
        found: dict[UUID, list[UUID]] = {}
        for memory, entity in self._read(
            cypher.HELD_MEMORIES, tenant=str(tenant_id), ids=[str(each) for each in ids]
        ):
            found.setdefault(UUID(memory), []).extend([UUID(entity)] if entity else [])
        return found

    def held_relations(self, tenant_id: UUID, subjects: Collection[UUID]) -> list[Relationship]:
        return [*self._held(cypher.HELD_RELATIONS, tenant_id, ids=[str(each) for each in subjects])]

    def _held(self, statement: str, tenant_id: UUID, **params: Any) -> Iterator[Relationship]:
        for uid, subject, predicate, object_, sure, memory, begins, ends in self._read(
            statement, tenant=str(tenant_id), **params
        ):
            yield Relationship(
                UUID(uid), UUID(subject), predicate, UUID(object_), sure, UUID(memory) if memory else None,
                begins, ends,
            )  # fmt: skip

    def scan(self, tenant_id: UUID, label: str, *, batch: int) -> Iterator[list[UUID]]:
        after = ""
        while found := self._read(cypher.SCAN[label], tenant=str(tenant_id), after=after, limit=batch):
            yield [UUID(uid) for [uid] in found]
            after = found[-1][0]

    # -- The server

    def ping(self) -> None:
        self._resting_until = 0.0
        self._again(READ_ACCESS, lambda tx: tx.run("RETURN 1").consume(), self._timeout)

    def close(self) -> None:
        driver: Driver | None = self.__dict__.pop("_driver", None)
        if driver is not None:
            if db.driver is driver:
                db.close_connection()
            driver.close()

    @cached_property
    def _driver(self) -> Driver:
        """Also what neomodel's classes speak through."""
        driver = GraphDatabase.driver(
            self._address,
            auth=self._auth,
            connection_timeout=self._timeout,
            connection_acquisition_timeout=self._timeout,
            max_connection_pool_size=self._pool_size,
            # Tried again by `_again`, which knows more errors, and does not wait for a server that is away.
            max_transaction_retry_time=0,
            liveness_check_timeout=30,
            notifications_min_severity="OFF",
        )
        db.driver = driver
        return driver

    def _read(self, statement: str, **params: Any) -> list[Any]:
        found: list[Any] = self._again(
            READ_ACCESS,
            lambda tx: [each.values() for each in tx.run(statement, params)],
            self._write_timeout,
        )
        return found

    def _write(self, work: Work) -> Any:
        """Do all of it or nothing."""
        return self._again(WRITE_ACCESS, work, self._write_timeout)

    def _again(self, access: str, work: Work, seconds: float) -> Any:
        """Do it in a transaction, and again where that may help: the driver would not where a key was made twice at once."""
        tries = Retrying(
            retry=retry_if_exception_type(AGAIN),
            stop=stop_after_attempt(8) | stop_after_delay(seconds),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            reraise=True,
        )
        limited = unit_of_work(timeout=seconds)(work)
        with (
            self._server() as driver,
            open_session(
                driver, lambda: seconds, database=self._database, default_access_mode=access
            ) as session,
        ):
            return tries(session.execute_read if access == READ_ACCESS else session.execute_write, limited)

    @contextmanager
    def _server(self, deadline: Deadline | None = None) -> Iterator[Driver]:
        """The driver, for what may be repeated; what goes wrong is told in the contract's terms."""
        if monotonic() < self._resting_until:
            raise GraphUnavailable("Neo4j did not answer a moment ago.")
        try:
            yield self._driver
        except (DriverError, OSError) as error:
            self._resting_until = monotonic() + self._cooldown
            raise GraphUnavailable(f"Neo4j did not answer: {error!r}") from error
        except Neo4jError as error:
            if deadline and error.code == TIMED_OUT:
                raise deadline.missed() from error
            # A refusal that says our statement was wrong is a bug, and stays as it is.
            if (error.code or "").startswith(OURS):
                raise
            raise GraphUnavailable(f"Neo4j refused: {error}") from error


def _run(tx: ManagedTransaction, statement: str, tenant_id: UUID, rows: Sequence[Any]) -> int:
    """Send rows in batches; returns the sum of the counts that come back."""
    done = 0
    for some in batched(rows, BATCH):
        counted = [each.value() for each in tx.run(statement, tenant=str(tenant_id), rows=list(some))]
        done += sum(counted)
    return done


def _group(group: Group) -> dict[str, str]:
    return {"subject": str(group[0]), "predicate": group[1]}


def _place(relation: Relationship) -> tuple[UUID, UUID, UUID]:
    return relation.id, relation.subject_id, relation.object_id


def _subject(relation: Relationship) -> str:
    return str(relation.subject_id)


def _row(relation: Relationship) -> dict[str, Any]:
    return {
        "id": str(relation.id),
        "subject": str(relation.subject_id),
        "predicate": relation.predicate,
        "object": str(relation.object_id),
        "confidence": relation.confidence,
        "memory": str(relation.memory_id) if relation.memory_id else None,
        "begins": relation.begins,
        "ends": relation.ends,
    }
