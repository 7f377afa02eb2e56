DROP FUNCTION memos_nearest_prompts(uuid, uuid, halfvec, boolean, integer);
ALTER TABLE memories_cachedprompt SET LOGGED;
