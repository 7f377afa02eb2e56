-- The postings of the rows that were named are looked up one by one.
, hits AS MATERIALIZED (
    SELECT t.slot, p.memory_id, p.frequency, p.length
    FROM named n CROSS JOIN terms t
    JOIN memories_posting p ON p.tenant_id = %(tenant)s AND p.term = t.term AND p.owner = n.owner AND p.memory_id = n.id
), scope AS MATERIALIZED (
    SELECT count(*)::float8 AS documents, greatest(coalesce(avg(n.length), 1), 1)::float8 AS average_length FROM named n
)
