"""Neighbourhoods and shortest ways among many nodes, against the same asked by hand.

    python benchmarks/graph.py --nodes 100000 --relations 500000

Runs beside a started memOS, in its environment. Written by hand: the plain recursive statements, without time, names
and bounds, on the same rows.
"""

import argparse
import random
import statistics
from collections.abc import Callable
from uuid import UUID

from django.db import connections
from stack import timed  # sets Django up

from graph import traversal
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
NEAR = """
SELECT object_id FROM graph_relation WHERE subject_id = %(node)s
UNION SELECT subject_id FROM graph_relation WHERE object_id = %(node)s
"""
RELATED = """
WITH one AS ({near}), two AS (
    SELECT r.object_id FROM graph_relation r JOIN one ON r.subject_id = one.object_id
    UNION SELECT r.subject_id FROM graph_relation r JOIN one ON r.object_id = one.object_id
)
SELECT object_id FROM one UNION SELECT object_id FROM two
"""
PATH = """
WITH RECURSIVE way AS (
    SELECT %(node)s::uuid AS at, 0 AS steps
    UNION
    SELECT CASE WHEN r.subject_id = way.at THEN r.object_id ELSE r.subject_id END, way.steps + 1
    FROM way JOIN graph_relation r ON r.subject_id = way.at OR r.object_id = way.at
    WHERE way.steps < 4
)
SELECT min(steps) FROM way WHERE at = %(end)s
"""


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


def by_hand(tenant: TenantInfo, sql: str, **params: UUID) -> object:
    with tenant_scope(tenant.id, pipelined=True):
        return fetch_prepared(sql, params)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--nodes", type=int, default=100_000)
    arguments.add_argument("--relations", type=int, default=500_000)
    arguments.add_argument("--rounds", type=int, default=200)
    given = arguments.parse_args()
    slug = f"bench-graph-{given.nodes}"
    if not Tenant.objects.filter(slug=slug).exists():
        create_tenant(slug=slug)
    tenant = find_tenant(slug)
    nodes = fill(tenant, given.nodes, given.relations)
    rnd = random.Random(1)
    times: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        node, end = rnd.sample(nodes, 2)
        acts: dict[str, Callable[[], object]] = {
            "near, by hand": lambda node=node: by_hand(tenant, NEAR, node=node),  # type: ignore[misc]
            "related, depth 1": lambda node=node: traversal.related(tenant.id, node, limit=1000),  # type: ignore[misc]
            "depth 2, by hand": lambda node=node: by_hand(tenant, RELATED.format(near=NEAR), node=node),  # type: ignore[misc]
            "related, depth 2": lambda node=node: traversal.related(tenant.id, node, depth=2, limit=1000),  # type: ignore[misc]
            "path of 4, by hand": lambda node=node, end=end: by_hand(tenant, PATH, node=node, end=end),  # type: ignore[misc]
            "path of up to 6": lambda node=node, end=end: traversal.path(tenant.id, node, end),  # type: ignore[misc]
        }
        for name, act in acts.items():
            times.setdefault(name, []).append(timed(act))
    print(f"{given.nodes} nodes, {given.relations} relations")
    for name, each in times.items():
        p50, p95 = statistics.median(each), statistics.quantiles(each, n=20)[18]
        print(f"{name:20s} p50 {p50:7.2f} ms  p95 {p95:7.2f} ms")


if __name__ == "__main__":
    main()
