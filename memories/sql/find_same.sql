-- The memories that stood in the way of new ones: by the caller's own id where there is one, else by content.
SELECT m.id, m.user_id, m.external_id, m.conversation_id, m.kind, m.content_hash
FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
    user_id text, external_id text, conversation_id uuid, kind text, content_hash text
) JOIN memories_memory m ON m.tenant_id = %(tenant)s AND m.user_id = item.user_id AND m.external_id = item.external_id
WHERE item.external_id IS NOT NULL
UNION ALL
SELECT m.id, m.user_id, m.external_id, m.conversation_id, m.kind, m.content_hash
FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
    user_id text, external_id text, conversation_id uuid, kind text, content_hash text
) JOIN memories_memory m ON m.tenant_id = %(tenant)s AND m.user_id = item.user_id
    AND m.conversation_id IS NOT DISTINCT FROM item.conversation_id AND m.kind = item.kind
    AND m.content_hash = item.content_hash AND m.external_id IS NULL
WHERE item.external_id IS NULL
