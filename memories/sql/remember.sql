-- Write a batch of memories and their audit entries; what is there already is left alone and not returned.
-- A turn is the next number of its conversation, whose row the caller has locked. Ids follow the order of the batch;
-- rows are written in the order of their identities, so that of two batches with the same memories neither waits for
-- one the other has while the other waits for its own.
WITH offered AS (
    SELECT * FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
        place int, kind text, tier smallint, user_id text, agent_id text, conversation_id uuid, conversation_place int,
        role text, speaker text, title text, category text, content text, content_hash text, external_id text,
        tags text[], metadata jsonb, importance_explicit float8, importance_computed float8,
        occurred_at timestamptz, valid_from timestamptz, valid_to timestamptz, expires_at timestamptz,
        pinned boolean, language text
    )
), numbered AS MATERIALIZED (
    SELECT uuidv7() AS id, in_order.* FROM (SELECT * FROM offered ORDER BY place) in_order
), last_turns AS (
    SELECT c.id, coalesce((SELECT max(m.turn) FROM memories_memory m WHERE m.conversation_id = c.id), 0) AS turn
    FROM (SELECT DISTINCT conversation_id AS id FROM offered WHERE conversation_id IS NOT NULL) c
), made AS (
    INSERT INTO memories_memory (
        id, tenant_id, kind, tier, user_id, agent_id, conversation_id, turn, role, speaker, title, category, content,
        content_hash, external_id, tags, metadata, importance_explicit, importance_computed, occurred_at, valid_from,
        valid_to, expires_at, pinned, language
    )
    SELECT
        o.id, %(tenant)s, o.kind, o.tier, o.user_id, o.agent_id, o.conversation_id, t.turn + o.conversation_place, o.role,
        o.speaker, o.title, o.category, o.content, o.content_hash, o.external_id, o.tags, o.metadata,
        o.importance_explicit, o.importance_computed, coalesce(o.occurred_at, now()), o.valid_from, o.valid_to,
        o.expires_at, o.pinned, o.language
    FROM numbered o LEFT JOIN last_turns t ON t.id = o.conversation_id
    ORDER BY o.user_id, o.external_id,
             CASE WHEN o.external_id IS NULL THEN (o.conversation_id, o.kind, o.content_hash) END, o.place
    ON CONFLICT DO NOTHING
    RETURNING id, user_id, external_id, conversation_id, kind, content_hash
), audited AS (
    INSERT INTO memories_auditentry (tenant_id, memory_id, action, actor)
    SELECT %(tenant)s, id, 'remember', %(actor)s FROM made
)
SELECT id, user_id, external_id, conversation_id, kind, content_hash FROM made
