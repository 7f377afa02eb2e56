DROP FUNCTION memos_remember_one(uuid, jsonb, text);
