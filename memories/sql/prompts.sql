-- A cache need not survive a crash.
ALTER TABLE memories_cachedprompt SET UNLOGGED;

-- The nearest prompts of a scope, the nearest first, in one round trip: compared one by one, or where there are many
-- along the HNSW index in its order until enough of the scope are found.
CREATE FUNCTION memos_nearest_prompts(of_tenant uuid, of_scope uuid, wanted halfvec, are_many boolean, at_most integer)
RETURNS TABLE (key uuid, prompt text, cosine float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET hnsw.iterative_scan = strict_order
SET hnsw.ef_search = 40
SET enable_sort = off
SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    present text := current_setting('memos.tenant_id', true);
BEGIN
    PERFORM set_config('memos.tenant_id', of_tenant::text, true);
    IF are_many THEN
        RETURN QUERY
            SELECT p.key, p.prompt, 1 - (p.embedding <=> wanted) FROM memories_cachedprompt p
            WHERE p.tenant_id = of_tenant AND p.scope = of_scope AND p.expires_at > now()
            ORDER BY p.embedding <=> wanted LIMIT at_most;
    ELSE
        RETURN QUERY
            SELECT s.key, s.prompt, 1 - s.distance FROM (
                SELECT p.key, p.prompt, p.embedding <=> wanted AS distance FROM memories_cachedprompt p
                WHERE p.tenant_id = of_tenant AND p.scope = of_scope AND p.expires_at > now() OFFSET 0
            ) s ORDER BY s.distance LIMIT at_most;
    END IF;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
