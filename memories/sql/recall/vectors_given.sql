-- The nearest memories as another vector index named them; what they hold is still checked here.
, vector_best AS MATERIALIZED (
    SELECT m.id, g.cosine
    FROM unnest(%(near_ids)s::uuid[], %(near_cosines)s::float8[]) g (id, cosine)
    JOIN memories_memory m ON m.id = g.id
    WHERE m.tenant_id = %(tenant)s AND {filters}
)
