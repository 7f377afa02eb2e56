-- The HNSW index in order of distance, going on (hnsw.iterative_scan) until enough pass the filters.
, vector_best AS MATERIALIZED (
    SELECT f.memory_id AS id, max(f.cosine) AS cosine
    FROM (
        SELECT s.memory_id, s.cosine
        FROM (
            SELECT v.memory_id, 1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions})) AS cosine
            FROM memories_memoryvector v
            WHERE v.tenant_id = %(tenant)s AND v.model_id = {model} AND v.in_graph {owner_v}
            ORDER BY v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}) OFFSET 0
        ) s
        CROSS JOIN LATERAL (SELECT FROM memories_memory m WHERE m.id = s.memory_id AND {filters} OFFSET 0) passes
        LIMIT {candidates}
    ) f
    GROUP BY f.memory_id
)
