"""Neighbourhoods and shortest ways among many nodes, against the same asked by hand of the same store.

    python benchmarks/graph.py --nodes 100000 --relations 500000
    NEO4J_URL=bolt://neo4j:password@127.0.0.1:7687 python benchmarks/graph.py --store neo4j

Runs beside a started memOS, in its environment. Written by hand: the plain statements, without time and bounds, and without
names but for "two steps, told", on the same rows or nodes. What Neo4j lacks is projected first.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connections
from stack import timed  # sets Django up

from graph import indexing, projections
from graph.stores import GraphStore, graph_store
from graph.stores.postgres import PostgresStore
from memos_project.db import fetch_prepared, tenant_scope
from memos_project.tenancy.callers import TenantInfo, find_tenant
from memos_project.tenancy.models import Tenant
from memos_project.tenancy.services import create_tenant

ENTITIES = """
INSERT INTO graph_entity (tenant_id, kind, name) SELECT %s, 'thing', 'Thing ' || n FROM generate_series(1, %s) n
"""
# Some nodes are spoken of much more than others.
RELATIONS = """
WITH nodes AS MATERIALIZED (
    SELECT array_agg(id ORDER BY id) AS ids, count(*) AS many FROM graph_entity WHERE tenant_id = %s
)
INSERT INTO graph_relation (tenant_id, subject_id, predicate, object_id, confidence, valid_from)
SELECT %s, ids[1 + floor(many * random())::int], 'depends_on', ids[1 + floor(many * power(random(), 1.5))::int],
       0.5 + random() / 2, now() - make_interval(days => (1000 * random())::int)
FROM nodes, generate_series(1, %s)
"""
TWO_STEPS = """
WITH one AS (
    SELECT object_id FROM graph_relation WHERE subject_id = %(node)s
    UNION SELECT subject_id FROM graph_relation WHERE object_id = %(node)s
), two AS (
    SELECT r.object_id FROM graph_relation r JOIN one ON r.subject_id = one.object_id
    UNION SELECT r.subject_id FROM graph_relation r JOIN one ON r.object_id = one.object_id
)
"""
SQL = {
    "near": """
        SELECT object_id FROM graph_relation WHERE subject_id = %(node)s
        UNION SELECT subject_id FROM graph_relation WHERE object_id = %(node)s
    """,
    "two steps": f"{TWO_STEPS} SELECT object_id FROM one UNION SELECT object_id FROM two",
    "two steps, told": f"""
        {TWO_STEPS} SELECT e.id, e.kind, e.name FROM graph_entity e
        WHERE e.id IN (SELECT object_id FROM one UNION SELECT object_id FROM two)
    """,
    # Of up to four steps: of six it takes seconds.
    "way": """
        WITH RECURSIVE way AS (
            SELECT %(node)s::uuid AS at, 0 AS steps
            UNION
            SELECT CASE WHEN r.subject_id = way.at THEN r.object_id ELSE r.subject_id END, way.steps + 1
            FROM way JOIN graph_relation r ON r.subject_id = way.at OR r.object_id = way.at
            WHERE way.steps < 4
        )
        SELECT min(steps) FROM way WHERE at = %(end)s
    """,
}
CYPHER = {
    "near": "MATCH (n:Entity {tenant: $tenant, uid: $node})-[:RELATES]-(m) RETURN DISTINCT m.uid",
    "two steps": "MATCH (n:Entity {tenant: $tenant, uid: $node})-[:RELATES*1..2]-(m) RETURN DISTINCT m.uid",
    "two steps, told": """
        MATCH (n:Entity {tenant: $tenant, uid: $node})-[:RELATES*1..2]-(m) RETURN DISTINCT m.uid, m.kind, m.name
    """,
    "way": """
        MATCH (a:Entity {tenant: $tenant, uid: $node}), (b:Entity {tenant: $tenant, uid: $end})
        MATCH p = shortestPath((a)-[:RELATES*..6]-(b)) RETURN [n IN nodes(p) | n.uid]
    """,
}

RATIOS = [
    ("related, depth 2", "two steps, by hand"),
    ("related, depth 2", "two steps, told"),
    ("path of up to 6", "way, by hand"),
    ("related, depth 2", "related, depth 1"),
    ("path of up to 6", "related, depth 1"),
]


def fill(tenant: TenantInfo, nodes: int, relations: int) -> list[UUID]:
    """The ids of the nodes, made where there are none."""
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM graph_entity WHERE tenant_id = %s", [tenant.id])
        if cursor.fetchone() == (0,):
            cursor.execute(ENTITIES, [tenant.id, nodes])
            cursor.execute(RELATIONS, [tenant.id, tenant.id, relations])
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE graph_entity, graph_relation")
    with tenant_scope(tenant.id):
        rows = fetch_prepared("SELECT id FROM graph_entity WHERE tenant_id = %(t)s", {"t": tenant.id})
    return [row[0] for row in rows]


def project(tenant: TenantInfo) -> None:
    began = time.monotonic()
    done = sum(projections.settle(tenant.id))
    print(f"projected {done} nodes and groups of relations in {time.monotonic() - began:.1f} s")
    if not indexing.is_level(tenant.id):
        raise SystemExit("the graph store is not level")


def by_hand(store: Any, tenant: TenantInfo, name: str, **ends: UUID) -> object:
    if not store.in_database:
        return store._read(
            CYPHER[name], tenant=str(tenant.id), **{key: str(end) for key, end in ends.items()}
        )
    with tenant_scope(tenant.id, pipelined=True):
        return fetch_prepared(SQL[name], ends)


def chosen(name: str) -> GraphStore:
    store = PostgresStore() if name == "postgres" else graph_store()
    if (name == "postgres") != store.in_database:
        raise SystemExit("NEO4J_URL names the server to be measured")
    return store


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--store", choices=["postgres", "neo4j"], default="postgres")
    arguments.add_argument("--nodes", type=int, default=100_000)
    arguments.add_argument("--relations", type=int, default=500_000)
    arguments.add_argument("--rounds", type=int, default=200)
    given = arguments.parse_args()
    slug = f"bench-graph-{given.nodes}"
    if not Tenant.objects.filter(slug=slug).exists():
        create_tenant(slug=slug)
    tenant = find_tenant(slug)
    store = chosen(given.store)
    nodes = fill(tenant, given.nodes, given.relations)
    if not store.in_database:
        project(tenant)
    rnd = random.Random(1)
    times: dict[str, list[float]] = {}
    acts: dict[str, Callable[[UUID, UUID], object]] = {
        "near, by hand": lambda node, _: by_hand(store, tenant, "near", node=node),
        "related, depth 1": lambda node, _: store.related(tenant.id, node, limit=1000),
        "two steps, by hand": lambda node, _: by_hand(store, tenant, "two steps", node=node),
        "two steps, told": lambda node, _: by_hand(store, tenant, "two steps, told", node=node),
        "related, depth 2": lambda node, _: store.related(tenant.id, node, depth=2, limit=1000),
        "way, by hand": lambda node, end: by_hand(store, tenant, "way", node=node, end=end),
        "path of up to 6": lambda node, end: store.path(tenant.id, node, end),
    }
    # None finds in the processor's cache what another has just read: each asks for nodes of its own, by turns.
    for _ in range(given.rounds):
        for name in rnd.sample([*acts], len(acts)):
            node, end = rnd.sample(nodes, 2)
            times.setdefault(name, []).append(timed(lambda: acts[name](node, end)))
    print(f"{given.store}: {given.nodes} nodes, {given.relations} relations")
    p95 = {name: statistics.quantiles(each, n=20)[18] for name, each in times.items()}
    for name in acts:
        print(f"{name:20s} p50 {statistics.median(times[name]):7.2f} ms  p95 {p95[name]:7.2f} ms")
    for name, floor in RATIOS:
        print(f"{name:20s} p95 {p95[name] / p95[floor]:7.2f} x {floor}")


if __name__ == "__main__":
    sys.exit(main())
