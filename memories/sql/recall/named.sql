-- A scope that the filters name row by row (a conversation, or what a large scope hardly holds).
, named AS MATERIALIZED (
    SELECT m.id, m.owner, m.length FROM memories_memory m
    WHERE m.tenant_id = %(tenant)s AND {filters}
    ORDER BY m.id DESC LIMIT {named}
)
