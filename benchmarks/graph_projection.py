"""Memories with entities and relations, projected to a graph server, against raw UNWIND batches of the driver.

    NEO4J_URL=bolt://neo4j:password@127.0.0.1:7687 python benchmarks/graph_projection.py --memories 10000

Runs beside a started memOS (without a worker that has the same NEO4J_URL), in its environment. Raw and projected hold
the same, batches are equally large, and both are taken in turn. Projected counts from the marks to their removal: rows
read, what is held asked for, all of it written.
"""

import argparse
import statistics
from typing import Any
from uuid import uuid4

from django.db import connections
from stack import timed  # sets Django up

from graph import indexing, projections
from graph.rows import entities_of, memories_of, relations_of
from graph.stores import cypher, graph_projection
from graph.stores.neo4j import BATCH, Neo4jStore, _row
from memories.models import Memory
from memories.services import NewMemory, remember
from memos_project.db import tenant_scope
from memos_project.tenancy.callers import TenantInfo, find_tenant
from memos_project.tenancy.models import Tenant
from memos_project.tenancy.services import create_tenant

# Of each memory three mentions and three statements for two memories; of the entities some are spoken of more than others.
ROWS = """
WITH memories AS MATERIALIZED (SELECT array_agg(id ORDER BY id) AS ids FROM memories_memory WHERE tenant_id = %(t)s),
entities AS MATERIALIZED (
    SELECT array_agg(entity_id ORDER BY entity_id) AS ids, array_agg(id ORDER BY entity_id) AS names, count(*) AS many
    FROM graph_entityname WHERE tenant_id = %(t)s
), read AS (
    INSERT INTO graph_reading (memory_id, tenant_id, content_hash, extractor)
    SELECT unnest(ids), %(t)s, 'h', 'rules' FROM memories
), said AS (
    INSERT INTO graph_relation (tenant_id, memory_id, subject_id, predicate, object_id, confidence, valid_from)
    SELECT %(t)s, m.ids[1 + n / 3 * 2 + n %% 2], e.ids[1 + floor(many * power(random(), 1.5))::int],
           (ARRAY['knows', 'likes', 'works_at', 'uses'])[1 + n %% 4], e.ids[1 + floor(many * random())::int], 0.9,
           now() - make_interval(hours => n)
    FROM memories m, entities e, generate_series(0, %(m)s * 3 / 2 - 2) n
)
INSERT INTO graph_mention (tenant_id, memory_id, entity_id, name_id, start, "end", text)
SELECT %(t)s, m.ids[1 + n / 3], e.ids[drawn.at], e.names[drawn.at], 0, 5, 'Thing'
FROM memories m, entities e, generate_series(0, %(m)s * 3 - 1) n
CROSS JOIN LATERAL (SELECT 1 + floor(many * power(random(), 1.5) + 0 * n)::int AS at) drawn
"""
# One relationship a row.
MENTIONS = """
UNWIND $rows AS row
MATCH (m:Memory {tenant: $tenant, uid: row.memory}) MATCH (e:Entity {tenant: $tenant, uid: row.entity})
MERGE (m)-[r:MENTIONS]->(e) SET r.tenant = $tenant
"""
ENTITIES = """
WITH made AS (
    INSERT INTO graph_entity (tenant_id, kind, name) SELECT %(t)s, 'thing', 'Thing ' || n FROM generate_series(1, %(n)s) n
    RETURNING id, name
)
INSERT INTO graph_entityname (tenant_id, entity_id, kind, name, normal) SELECT %(t)s, id, 'thing', name, lower(name) FROM made
"""


def fill(tenant: TenantInfo, memories: int) -> None:
    """Made where there are none; nothing of it is read."""
    with tenant_scope(tenant.id):
        if Memory.objects.filter(tenant_id=tenant.id).exists():
            return
    for start in range(0, memories, 1000):
        # Code, for a worker that runs beside must not read them.
        numbers = range(start, min(start + 1000, memories))
        items = [NewMemory(content=f"Memory {n}.", kind=Memory.Kind.CODE) for n in numbers]
        remember(tenant, items, actor="benchmark")
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM memories_indexjob WHERE tenant_id = %s", [tenant.id])
        cursor.execute(ENTITIES, {"t": tenant.id, "n": memories // 3})
        cursor.execute(ROWS, {"t": tenant.id, "m": memories})
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE graph_entity, graph_relation, graph_mention, graph_reading")


def rows_of(tenant: TenantInfo) -> dict[str, list[dict[str, Any]]]:
    """What the projection holds, as the rows of the statements."""
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT id FROM graph_entity WHERE tenant_id = %s", [tenant.id])
        entities = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT memory_id FROM graph_reading WHERE tenant_id = %s", [tenant.id])
        memories = memories_of(tenant.id, [row[0] for row in cursor.fetchall()])
        nodes, relations = entities_of(tenant.id, entities), relations_of(tenant.id, entities)
    return {
        cypher.PUT_ENTITIES: [{"id": str(e.id), "kind": e.kind, "name": e.name} for e in nodes.values()],
        cypher.PUT_MEMORIES: [{"id": str(each)} for each in memories],
        MENTIONS: [
            {"memory": str(m), "entity": str(e)} for m, mentioned in memories.items() for e in mentioned
        ],
        cypher.PUT_RELATIONS: [_row(each) for each in relations],
    }


def raw(store: Neo4jStore, owner: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    with store._driver.session(database=store._database) as session:
        for statement, all_of_them in rows.items():
            for start in range(0, len(all_of_them), BATCH):
                some = all_of_them[start : start + BATCH]
                session.execute_write(
                    lambda tx, sql=statement, rows=some: tx.run(sql, tenant=owner, rows=rows).consume()
                )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--memories", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    store = graph_projection()
    if not isinstance(store, Neo4jStore):
        raise SystemExit("NEO4J_URL names the server to be measured")
    slug = f"bench-projected-{given.memories}"
    if not Tenant.objects.filter(slug=slug).exists():
        create_tenant(slug=slug)
    tenant = find_tenant(slug)
    fill(tenant, given.memories)
    store.create()
    rows = rows_of(tenant)
    many = sum(map(len, rows.values()))
    rates: dict[str, list[float]] = {"raw": [], "projected": [], "again": []}
    for _ in range(given.rounds):
        owner = uuid4()
        rates["raw"].append(1000 * many / timed(lambda owner=owner: raw(store, str(owner), rows)))
        store.clear(owner)
        indexing.forget_epoch(tenant.id)
        indexing._hold(tenant.id, owner)
        indexing._fill(store, tenant.id)
        indexing._release(tenant.id, owner)
        rates["projected"].append(1000 * many / timed(lambda: indexing.drain(tenant.id)))
        if not projections.is_level(tenant.id):
            raise SystemExit("the graph store differs from the rows")
        with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
            cursor.execute(indexing.MARK_ALL, {"tenant": tenant.id})
        rates["again"].append(1000 * many / timed(lambda: indexing.drain(tenant.id)))
    print(f"{given.memories} memories: {', '.join(str(len(each)) for each in rows.values())}"
          " entities, memories, mentions, relations")  # fmt: skip
    floor = statistics.median(rates["raw"])
    for name, each in rates.items():
        rate = statistics.median(each)
        print(
            f"{name:10s} {rate:8.0f} nodes and relationships/s  {rate / floor:.2f} of raw  ({min(each):.0f} to {max(each):.0f})"
        )


if __name__ == "__main__":
    main()
