-- Every vector of the rows that were named, best chunk of each memory first.
, vector_best AS MATERIALIZED (
    SELECT v.memory_id AS id, max(1 - (v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}))) AS cosine
    FROM named n JOIN memories_memoryvector v ON v.memory_id = n.id AND v.model_id = {model}
    GROUP BY v.memory_id
    ORDER BY cosine DESC
    LIMIT {candidates}
)
