-- The memories that stood in the way of new ones: by the caller's own id where there is one, else by content.
-- Each is looked up by itself; an empty conversation apart, since IS NOT DISTINCT FROM cannot enter an index.
SELECT m.id, m.user_id, m.external_id, m.conversation_id, m.kind, m.content_hash
FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
    user_id text, external_id text, conversation_id uuid, kind text, content_hash text
) CROSS JOIN LATERAL (
    SELECT * FROM memories_memory m
    WHERE item.external_id IS NOT NULL
      AND m.tenant_id = %(tenant)s AND m.user_id = item.user_id AND m.external_id = item.external_id
    UNION ALL
    SELECT * FROM memories_memory m
    WHERE item.external_id IS NULL AND m.tenant_id = %(tenant)s AND m.user_id = item.user_id
      AND m.conversation_id = item.conversation_id AND m.kind = item.kind AND m.content_hash = item.content_hash
      AND m.external_id IS NULL
    UNION ALL
    SELECT * FROM memories_memory m
    WHERE item.external_id IS NULL AND item.conversation_id IS NULL AND m.tenant_id = %(tenant)s
      AND m.user_id = item.user_id AND m.conversation_id IS NULL AND m.kind = item.kind
      AND m.content_hash = item.content_hash AND m.external_id IS NULL
    OFFSET 0
) m
