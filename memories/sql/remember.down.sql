DROP FUNCTION memos_remember(uuid, jsonb, text);
DROP FUNCTION memos_same_memory(uuid, text, text, uuid, text, text);
