-- Best first, and only as far down as it takes to find enough that the filters let through.
, text_best AS MATERIALIZED (
    SELECT s.memory_id AS id, s.bm25
    FROM (SELECT memory_id, bm25 FROM scored ORDER BY bm25 DESC OFFSET 0) s
    CROSS JOIN LATERAL (SELECT FROM memories_memory m WHERE m.id = s.memory_id AND {filters} OFFSET 0) passes
    LIMIT {candidates}
)
