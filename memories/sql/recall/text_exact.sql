-- A small scope: read every posting of the question's words in it, so that BM25's statistics are those of
-- the scope itself, to the row.
, hits AS MATERIALIZED (
    SELECT t.slot, p.memory_id, p.frequency, p.length
    FROM terms t JOIN memories_posting p ON p.tenant_id = %(tenant)s AND p.term = t.term {owner_p}
), scope AS MATERIALIZED (
    SELECT count(*)::float8 AS documents, greatest(coalesce(avg(m.length), 1), 1)::float8 AS average_length
    FROM memories_memory m WHERE m.tenant_id = %(tenant)s {owner_m}
), weights AS MATERIALIZED (
    -- One row, so that a score looks its words' weights up by number instead of joining them.
    SELECT array_agg(coalesce(f.documents, 0) ORDER BY t.slot) AS frequencies,
           array_agg(ln(1 + (s.documents - coalesce(f.documents, 0) + 0.5) / (coalesce(f.documents, 0) + 0.5)) ORDER BY t.slot) AS idf
    FROM terms t
    LEFT JOIN (SELECT slot, count(*)::float8 AS documents FROM hits GROUP BY slot) f ON f.slot = t.slot
    CROSS JOIN scope s
), scored AS (
    SELECT h.memory_id,
           sum(w.idf[h.slot] * h.frequency * (%(k1)s::float8 + 1)
               / (h.frequency + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * h.length / s.average_length))) AS bm25
    FROM hits h CROSS JOIN weights w CROSS JOIN scope s
    GROUP BY h.memory_id
)
