-- All candidates: the best of each list and the turns around the very best, with what the ranking needs.
, seeds AS MATERIALIZED (
    (SELECT id FROM text_best ORDER BY bm25 DESC LIMIT {seeds})
    UNION
    (SELECT id FROM vector_best ORDER BY cosine DESC LIMIT {seeds})
), spans AS MATERIALIZED (
    -- The arithmetic is done before the join: under row-level security a condition may enter an index only if
    -- none of its functions can fail and tell, and subtraction can.
    SELECT m.conversation_id, m.turn - {reach} AS first, m.turn + {reach} AS last
    FROM seeds s JOIN memories_memory m ON m.id = s.id
), around AS (
    SELECT n.id FROM spans s
    CROSS JOIN LATERAL (
        SELECT n.id FROM memories_memory n WHERE n.conversation_id = s.conversation_id AND n.turn BETWEEN s.first AND s.last OFFSET 0
    ) n
), pool AS MATERIALIZED (
    SELECT id FROM text_best UNION SELECT id FROM vector_best UNION SELECT id FROM around
), facts AS (
    SELECT s.documents, s.average_length, w.frequencies FROM scope s CROSS JOIN weights w
)
SELECT m.id, m.conversation_id, m.turn, m.speaker, m.role, m.occurred_at, m.length, m.importance,
       rtrim(m.content) LIKE '%%?' AS asks,
       (
           SELECT max(1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions})))
           FROM memories_memoryvector v WHERE v.memory_id = m.id AND v.model_id = {model}
       ) AS cosine,
       (
           SELECT array_agg(coalesce(p.frequency, 0) ORDER BY t.slot)
           FROM terms t LEFT JOIN memories_posting p
               ON p.tenant_id = %(tenant)s AND p.term = t.term AND p.owner = m.owner AND p.memory_id = m.id
       ) AS frequencies,
       facts.documents, facts.average_length, facts.frequencies
FROM pool
CROSS JOIN LATERAL (
    -- One look-up a candidate; left to itself, the planner may read the whole table for a few hundred.
    SELECT * FROM memories_memory m WHERE m.id = pool.id AND m.tenant_id = %(tenant)s AND {filters} OFFSET 0
) m
CROSS JOIN facts
