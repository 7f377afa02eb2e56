-- A large scope: the rarest words choose the candidates until {postings} postings are read, the common ones
-- only add to the scores of what the rare ones chose. Statistics are the tenant's, as last counted.
, scope AS MATERIALIZED (
    SELECT greatest(coalesce(max(s.documents), 0), %(documents)s)::float8 AS documents,
           greatest(coalesce(max(s.total_length)::float8 / nullif(max(s.documents), 0), 20), 1)::float8 AS average_length
    FROM memories_textstatistics s WHERE s.tenant_id = %(tenant)s
), known AS MATERIALIZED (
    SELECT t.slot, t.term, coalesce(f.documents, rare.documents)::float8 AS documents
    FROM terms t
    LEFT JOIN memories_frequentterm f ON f.tenant_id = %(tenant)s AND f.term = t.term
    CROSS JOIN LATERAL (
        -- What was not frequent when it was counted is rare now, or nearly so.
        SELECT count(*) AS documents FROM (
            SELECT FROM memories_posting p
            WHERE f.term IS NULL AND p.tenant_id = %(tenant)s AND p.term = t.term LIMIT 2000
        ) counted
    ) rare
), ranked AS MATERIALIZED (
    SELECT k.*, sum(k.documents) OVER (ORDER BY k.documents, k.slot) AS read, row_number() OVER (ORDER BY k.documents, k.slot) AS place
    FROM known k WHERE k.documents > 0
), weights AS MATERIALIZED (
    SELECT array_agg(k.documents ORDER BY k.slot) AS frequencies FROM known k
), weighed AS MATERIALIZED (
    -- All of Okapi BM25 (Robertson and Zaragoza 2009) that is the same for every posting of a word.
    SELECT r.term, r.read <= {postings} OR r.place = 1 AS chooses,
           ln(1 + (greatest(s.documents - r.documents, 0) + 0.5) / (r.documents + 0.5)) * (%(k1)s::float8 + 1) AS weight,
           %(k1)s::float8 * (1 - %(b)s::float8) AS damping,
           %(k1)s::float8 * %(b)s::float8 / s.average_length AS damping_by_length
    FROM ranked r CROSS JOIN scope s
), chosen AS MATERIALIZED (
    SELECT p.memory_id, p.owner, sum(w.weight * p.frequency / (p.frequency + w.damping + w.damping_by_length * p.length)) AS part
    FROM weighed w
    JOIN memories_posting p ON p.tenant_id = %(tenant)s AND p.term = w.term {owner_p}
    WHERE w.chooses
    GROUP BY p.memory_id, p.owner
    ORDER BY part DESC
    LIMIT {chosen}
), rest AS (
    SELECT p.memory_id, sum(w.weight * p.frequency / (p.frequency + w.damping + w.damping_by_length * p.length)) AS part
    FROM (SELECT c.owner, array_agg(c.memory_id) AS ids FROM chosen c GROUP BY c.owner) o
    CROSS JOIN weighed w
    CROSS JOIN LATERAL (
        -- An owner's at once: one way down the index for each word, not one for each word and memory.
        SELECT p.memory_id, p.frequency, p.length FROM memories_posting p
        WHERE p.tenant_id = %(tenant)s AND p.term = w.term AND p.owner = o.owner AND p.memory_id = ANY(o.ids) OFFSET 0
    ) p
    WHERE NOT w.chooses
    GROUP BY p.memory_id
), scored AS (
    SELECT c.memory_id, c.part + coalesce(rest.part, 0) AS bm25
    FROM chosen c LEFT JOIN rest ON rest.memory_id = c.memory_id
)
