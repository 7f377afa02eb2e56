, vector_best AS (SELECT NULL::uuid AS id, 0::float8 AS cosine WHERE false)
