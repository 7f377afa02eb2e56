"""Ways through the graph as it holds now: from entity to entity by relations, from memory to entity by mentions.

The configured store is asked; where it is down, or behind the rows, PostgreSQL answers instead and the answer says so.
"""

from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from graph import indexing
from graph.stores import MAX_DEPTH, GraphStore, GraphUnavailable, Neighbourhood, Way, graph_store
from graph.stores.postgres import PostgresStore
from memos_project.errors import NotFound

log = structlog.get_logger(__name__)


def related(
    tenant_id: UUID,
    node_id: UUID,
    *,
    depth: int = 1,
    predicates: Collection[str] | None = None,
    mentions: bool = False,
    limit: int = 100,
) -> Neighbourhood:
    """What is within so many steps (1 to MAX_DEPTH) of a node, over relations of these predicates, and mentions if asked for.

    Raises NotFound, Unavailable where it takes longer than MEMOS_GRAPH_TIMEOUT.
    """
    return _ask(
        tenant_id,
        lambda store: store.related(
            tenant_id, node_id, depth=depth, predicates=predicates, mentions=mentions, limit=limit
        ),
    )


def path(
    tenant_id: UUID,
    start: UUID,
    end: UUID,
    *,
    max_depth: int = MAX_DEPTH,
    weighted: bool = False,
    mentions: bool = False,
) -> Way:
    """A shortest way between two nodes of at most so many steps; with ``weighted`` the one of the surest steps.

    A step costs 1, weighted 1 / confidence. Raises NotFound, Unavailable where it takes longer than MEMOS_GRAPH_TIMEOUT.
    """
    return _ask(
        tenant_id,
        lambda store: store.path(
            tenant_id, start, end, max_depth=max_depth, weighted=weighted, mentions=mentions
        ),
    )


def _ask[Answer: (Neighbourhood, Way)](tenant_id: UUID, ask: Callable[[GraphStore], Answer]) -> Answer:
    store = graph_store()
    if store.in_database:
        return ask(store)
    if indexing.is_level(tenant_id):
        try:
            return ask(store)
        except GraphUnavailable as error:
            log.warning("the graph store did not answer", error=str(error))
        except NotFound:
            log.info("asking PostgreSQL for a node that the graph store lacks")
    answer = ask(PostgresStore())
    answer.degraded = ["graph"]
    return answer
