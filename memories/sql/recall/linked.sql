-- The second look: what speaks of the same as the best so far, first those that share more with them, and rarer things.
-- The rarest are followed, as far as a bound allows, and what much speaks of links nothing: so the work is bounded in
-- any tenant. For a user's search only what the user's memories speak of counts: an index alone tells.
WITH shared AS MATERIALIZED (
    SELECT m.entity_id, count(DISTINCT m.memory_id)::float8 AS times
    FROM graph_mention m WHERE m.tenant_id = %(tenant)s AND m.memory_id = ANY(%(best)s::uuid[])
    GROUP BY m.entity_id ORDER BY times DESC, m.entity_id LIMIT {entities}
), spoken AS MATERIALIZED (
    SELECT s.entity_id, s.times, n.memory_id
    FROM shared s
    CROSS JOIN LATERAL (
        SELECT n.memory_id FROM graph_mention n
        WHERE n.tenant_id = %(tenant)s AND n.entity_id = s.entity_id {owner_n} LIMIT {common} OFFSET 0
    ) n
), rare AS (
    SELECT c.entity_id FROM (
        SELECT s.entity_id, sum(count(*)) OVER (ORDER BY count(*), s.entity_id) AS so_far
        FROM spoken s GROUP BY s.entity_id HAVING count(*) < {common}
    ) c WHERE c.so_far <= {links}
), links AS MATERIALIZED (
    SELECT DISTINCT s.entity_id, s.times, s.memory_id FROM spoken s JOIN rare r ON r.entity_id = s.entity_id
), strongest AS (
    SELECT l.memory_id, sum(w.weight) AS strength
    FROM links l
    JOIN (SELECT entity_id, times / sqrt(count(*)) AS weight FROM links GROUP BY entity_id, times) w ON w.entity_id = l.entity_id
    WHERE l.memory_id <> ALL(%(known)s::uuid[])
    GROUP BY l.memory_id
), text_best AS MATERIALIZED (
    SELECT s.memory_id AS id, 1 AS place
    FROM (SELECT memory_id FROM strongest ORDER BY strength DESC, memory_id LIMIT {looked} OFFSET 0) s
    CROSS JOIN LATERAL (SELECT FROM memories_memory m WHERE m.id = s.memory_id AND {filters} OFFSET 0) passes
    LIMIT {linked}
)
