DROP FUNCTION memos_remember(uuid, jsonb, text);
DROP FUNCTION memos_remember_one(uuid, jsonb, text);
DROP FUNCTION memos_hold_conversation(uuid, text, text);
DROP FUNCTION memos_same_memory(uuid, text, text, uuid, text, text);
