-- Okapi BM25 (Robertson and Zaragoza 2009) from the postings that were read.
, weights AS MATERIALIZED (
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
