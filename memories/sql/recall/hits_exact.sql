-- A small scope: read every posting of the question's words in it, so that BM25's statistics are those of
-- the scope itself, to the row.
, hits AS MATERIALIZED (
    SELECT t.slot, p.memory_id, p.frequency, p.length
    FROM terms t JOIN memories_posting p ON p.tenant_id = %(tenant)s AND p.term = t.term {owner_p}
)
, scope AS MATERIALIZED (
    SELECT count(*)::float8 AS documents, greatest(coalesce(avg(m.length), 1), 1)::float8 AS average_length
    FROM memories_memory m WHERE m.tenant_id = %(tenant)s {owner_m}
)
