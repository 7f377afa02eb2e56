-- Write one memory as ``memos_remember`` does, with less to set up than a batch has. That it is there already is found
-- out by writing it.
CREATE FUNCTION memos_remember_one(of_tenant uuid, item jsonb, by_actor text)
RETURNS TABLE (place int, id uuid, created boolean) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    present text := current_setting('memos.tenant_id', true);
    said record;
    thread_id uuid;
    made uuid;
BEGIN
    PERFORM set_config('memos.tenant_id', of_tenant::text, true);

    SELECT * INTO said FROM jsonb_to_record(item) AS item (
        place int, kind text, tier smallint, user_id text, agent_id text, conversation text, role text, speaker text,
        title text, category text, content text, content_hash text, external_id text, tags text[], metadata jsonb,
        importance_explicit float8, importance_computed float8, occurred_at timestamptz, valid_from timestamptz,
        valid_to timestamptz, expires_at timestamptz, pinned boolean, language text
    );
    IF said.conversation <> '' THEN
        LOOP
            SELECT c.id INTO thread_id FROM memories_conversation c
            WHERE c.tenant_id = of_tenant AND c.user_id = said.user_id AND c.key = said.conversation FOR NO KEY UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO memories_conversation (tenant_id, user_id, key)
            VALUES (of_tenant, said.user_id, said.conversation) ON CONFLICT DO NOTHING;
        END LOOP;
    END IF;
    INSERT INTO memories_memory (
        tenant_id, kind, tier, user_id, agent_id, conversation_id, turn, role, speaker, title, category, content,
        content_hash, external_id, tags, metadata, importance_explicit, importance_computed, occurred_at, valid_from,
        valid_to, expires_at, pinned, language
    ) VALUES (
        of_tenant, said.kind, said.tier, said.user_id, said.agent_id, thread_id,
        CASE WHEN thread_id IS NOT NULL THEN
            coalesce((SELECT max(m.turn) FROM memories_memory m WHERE m.conversation_id = thread_id), 0) + 1
        END,
        said.role, said.speaker, said.title, said.category, said.content, said.content_hash, said.external_id, said.tags,
        said.metadata, said.importance_explicit, said.importance_computed, coalesce(said.occurred_at, now()),
        said.valid_from, said.valid_to, said.expires_at, said.pinned, said.language
    )
    ON CONFLICT DO NOTHING
    RETURNING memories_memory.id INTO made;
    IF made IS NOT NULL THEN
        INSERT INTO memories_auditentry (tenant_id, memory_id, action, actor) VALUES (of_tenant, made, 'remember', by_actor);
        RETURN QUERY SELECT said.place, made, true;
    ELSE
        RETURN QUERY
            SELECT said.place, same.id, false FROM memos_same_memory(
                of_tenant, said.user_id, said.external_id, thread_id, said.kind, said.content_hash
            ) AS same (id);
    END IF;

    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
