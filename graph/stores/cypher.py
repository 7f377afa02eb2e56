"""The statements that the Neo4j store sends: whole ones, chosen by name; whatever differs is a parameter.

ArcadeDB, which the tests take for Neo4j, looks relationships up by a node only, and filters what `shortestPath` found
instead of searching by it. Nothing here depends on either.
"""

from graph.stores.base import MAX_DEPTH

# Unique together, for MERGE: an id belongs to one tenant.
SCHEMA = (
    "CREATE CONSTRAINT memos_entity IF NOT EXISTS FOR (n:Entity) REQUIRE (n.tenant, n.uid) IS UNIQUE",
    "CREATE CONSTRAINT memos_memory IF NOT EXISTS FOR (n:Memory) REQUIRE (n.tenant, n.uid) IS UNIQUE",
    "CREATE CONSTRAINT memos_graph IF NOT EXISTS FOR (n:Graph) REQUIRE n.tenant IS UNIQUE",
)

EPOCH = "MATCH (g:Graph {tenant: $tenant}) RETURN g.epoch"
BEGIN_EPOCH = "MERGE (g:Graph {tenant: $tenant}) SET g.epoch = $epoch"
END_EPOCH = "MATCH (g:Graph {tenant: $tenant}) DELETE g"
CLEAR = {
    "entity": "MATCH (n:Entity {tenant: $tenant}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*)",
    "memory": "MATCH (n:Memory {tenant: $tenant}) WITH n LIMIT $limit DETACH DELETE n RETURN count(*)",
}
DROP = {
    "entity": "UNWIND $ids AS id MATCH (n:Entity {tenant: $tenant, uid: id}) DETACH DELETE n",
    "memory": "UNWIND $ids AS id MATCH (n:Memory {tenant: $tenant, uid: id}) DETACH DELETE n",
}

PUT_ENTITIES = """
UNWIND $rows AS row
MERGE (n:Entity {tenant: $tenant, uid: row.id})
SET n.kind = row.kind, n.name = row.name
"""
PUT_MEMORIES = "UNWIND $rows AS row MERGE (n:Memory {tenant: $tenant, uid: row.id})"
DROP_MENTIONS = """
UNWIND $rows AS row
MATCH (m:Memory {tenant: $tenant, uid: row.id})-[r:MENTIONS]->(e:Entity)
WHERE NOT e.uid IN row.entities DELETE r
"""
PUT_MENTIONS = """
UNWIND $rows AS row
MATCH (m:Memory {tenant: $tenant, uid: row.id})
UNWIND row.entities AS entity
MATCH (e:Entity {tenant: $tenant, uid: entity})
MERGE (m)-[r:MENTIONS]->(e) SET r.tenant = $tenant
RETURN count(r)
"""
DROP_RELATIONS = """
UNWIND $rows AS row
MATCH (s:Entity {tenant: $tenant, uid: row.subject})-[r:RELATES]->() WHERE r.uid IN row.ids DELETE r
"""
PUT_RELATIONS = """
UNWIND $rows AS row
MATCH (s:Entity {tenant: $tenant, uid: row.subject})
MATCH (o:Entity {tenant: $tenant, uid: row.object})
MERGE (s)-[r:RELATES {uid: row.id}]->(o)
SET r.tenant = $tenant, r.predicate = row.predicate, r.confidence = row.confidence, r.memory = row.memory,
    r.begins = row.begins, r.ends = row.ends
RETURN count(r)
"""

HELD_ENTITIES = "UNWIND $ids AS id MATCH (n:Entity {tenant: $tenant, uid: id}) RETURN n.uid, n.kind, n.name"
HELD_MEMORIES = """
UNWIND $ids AS id MATCH (m:Memory {tenant: $tenant, uid: id})
OPTIONAL MATCH (m)-[:MENTIONS]->(e:Entity) RETURN m.uid, e.uid
"""
HELD_RELATIONS = """
UNWIND $ids AS id MATCH (s:Entity {tenant: $tenant, uid: id})-[r:RELATES]->(o:Entity)
RETURN r.uid, s.uid, r.predicate, o.uid, r.confidence, r.memory, r.begins, r.ends
"""
HELD_GROUPS = """
UNWIND $groups AS each MATCH (s:Entity {tenant: $tenant, uid: each.subject})-[r:RELATES]->(o:Entity)
WHERE r.predicate = each.predicate
RETURN r.uid, s.uid, r.predicate, o.uid, r.confidence, r.memory, r.begins, r.ends
"""
SCAN = {
    "entity": "MATCH (n:Entity {tenant: $tenant}) WHERE n.uid > $after RETURN n.uid ORDER BY n.uid LIMIT $limit",
    "memory": "MATCH (n:Memory {tenant: $tenant}) WHERE n.uid > $after RETURN n.uid ORDER BY n.uid LIMIT $limit",
}

NODES = """
UNWIND $ids AS id MATCH (n:Entity {tenant: $tenant, uid: id}) RETURN n.uid AS uid, n.kind AS label, n.name AS name
UNION ALL
UNWIND $ids AS id MATCH (n:Memory {tenant: $tenant, uid: id}) RETURN n.uid AS uid, 'memory' AS label, '' AS name
"""
# One row for all: as rows of their own they take several times as long to come.
COLLECTED = (
    "RETURN collect([s.uid, r.predicate, o.uid, r.confidence, r.uid, r.memory, outwards, far.kind, far.name])"
)
HOLDS = "r.tenant = $tenant AND r.begins <= $now AND r.ends > $now AND ($predicates IS NULL OR r.predicate IN $predicates)"
EDGES = f"""
UNWIND $ids AS id MATCH (n:Entity {{tenant: $tenant, uid: id}})
CALL (n) {{
    MATCH (n)-[r:RELATES]->(o:Entity) WHERE {HOLDS} RETURN n AS s, r, o, true AS outwards, o AS far ORDER BY r.begins DESC LIMIT $fan_out
    UNION ALL
    MATCH (s:Entity)-[r:RELATES]->(n) WHERE {HOLDS} RETURN s, r, n AS o, false AS outwards, s AS far ORDER BY r.begins DESC LIMIT $fan_out
}}
{COLLECTED}
"""
MENTIONED_BY = """
UNWIND $ids AS id MATCH (n:Entity {tenant: $tenant, uid: id})
CALL (n) {
    MATCH (m:Memory)-[r:MENTIONS]->(n) WHERE r.tenant = $tenant RETURN m ORDER BY m.uid DESC LIMIT $fan_out
}
RETURN collect([m.uid, n.uid, false, 'memory', ''])
"""
MENTIONING = """
UNWIND $ids AS id MATCH (m:Memory {tenant: $tenant, uid: id})
CALL (m) {
    MATCH (m)-[r:MENTIONS]->(n:Entity) WHERE r.tenant = $tenant RETURN n LIMIT $fan_out
}
RETURN collect([m.uid, n.uid, true, n.kind, n.name])
"""
# A shortest way whether or not its steps hold; the length of a pattern cannot be a parameter.
SHORTEST = {
    depth: f"""
MATCH (a:Entity {{tenant: $tenant, uid: $start}}) MATCH (b:Entity {{tenant: $tenant, uid: $end}})
MATCH p = shortestPath((a)-[:RELATES*..{depth}]-(b))
RETURN [n IN nodes(p) | [n.uid, n.kind, n.name]],
       [r IN relationships(p) | [startNode(r).uid, r.predicate, endNode(r).uid, r.confidence, r.uid, r.memory,
                                 r.tenant, r.begins, r.ends]]
"""
    for depth in range(1, MAX_DEPTH + 1)
}
