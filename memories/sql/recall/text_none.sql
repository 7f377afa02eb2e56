-- Nothing is looked for by words; the ranking still wants the words' statistics, which are empty then.
, scope AS (SELECT 0::float8 AS documents, 1::float8 AS average_length)
, weights AS (SELECT array_agg(0::float8) AS frequencies FROM terms)
, text_best AS (SELECT NULL::uuid AS id, 0::float8 AS bm25 WHERE false)
