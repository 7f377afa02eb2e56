-- What the question's words found comes first; the other lists follow.
WITH text_best AS MATERIALIZED (SELECT id, place FROM unnest(%(text_ids)s::uuid[]) WITH ORDINALITY AS found (id, place))
