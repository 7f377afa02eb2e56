-- All candidates: the best of each list and the turns around the very best, with what the ranking needs.
, seeds AS MATERIALIZED (
    (SELECT id FROM text_best WHERE place <= {seeds})
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
), candidates AS MATERIALIZED (
    SELECT m.*, b.cosine
    FROM pool
    CROSS JOIN LATERAL (
        -- One look-up a candidate; left to itself, the planner may read the whole table for a few hundred.
        SELECT m.id, m.owner, m.conversation_id, m.turn, m.speaker, m.role, m.occurred_at, m.length, m.importance,
               rtrim(m.content) LIKE '%%?' AS asks
        FROM memories_memory m WHERE m.id = pool.id AND m.tenant_id = %(tenant)s AND {filters} OFFSET 0
    ) m
    LEFT JOIN vector_best b ON b.id = pool.id
), counted AS (
    -- An owner's candidates at once: one way down the index for each word, not one for each word and candidate.
    SELECT p.memory_id, array_agg(t.slot::int) AS slots, array_agg(p.frequency) AS frequencies
    FROM (SELECT c.owner, array_agg(c.id) AS ids FROM candidates c GROUP BY c.owner) o
    CROSS JOIN unnest(%(terms)s::bigint[]) WITH ORDINALITY AS t (term, slot)
    CROSS JOIN LATERAL (
        SELECT p.memory_id, p.frequency FROM memories_posting p
        WHERE p.tenant_id = %(tenant)s AND p.term = t.term AND p.owner = o.owner AND p.memory_id = ANY(o.ids) OFFSET 0
    ) p
    GROUP BY p.memory_id
)
SELECT c.id, c.conversation_id, c.turn, c.speaker, c.role, extract(epoch FROM c.occurred_at)::bigint, c.length, c.importance, c.asks,
       {cosine}, coalesce(f.slots, '{}'), coalesce(f.frequencies, '{}')
FROM candidates c LEFT JOIN counted f ON f.memory_id = c.id
