-- Every vector of the scope, best chunk of each memory first. Grouping keeps the planner off the HNSW index,
-- which would miss most of a scope that is a small part of it.
, vector_best AS MATERIALIZED (
    SELECT s.memory_id AS id, s.cosine
    FROM (
        SELECT v.memory_id, max(1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}))) AS cosine
        FROM memories_memoryvector v
        WHERE v.tenant_id = %(tenant)s AND v.model_id = {model} {owner_v}
        GROUP BY v.memory_id
        ORDER BY cosine DESC OFFSET 0
    ) s
    CROSS JOIN LATERAL (SELECT FROM memories_memory m WHERE m.id = s.memory_id AND {filters} OFFSET 0) passes
    LIMIT {candidates}
)
