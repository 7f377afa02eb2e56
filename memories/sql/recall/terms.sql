-- The question's words, stemmed as the tenant's memories are; slot numbers are what the ranking counts by.
WITH terms AS MATERIALIZED (
    SELECT (row_number() OVER (ORDER BY u.lexeme))::int AS slot, memos_term(u.lexeme) AS term
    FROM unnest(to_tsvector(%(language)s::regconfig, memos_words(%(query)s))) u
    LIMIT 48
)
