-- The memory that stands in the way of a new one: by the caller's own id where there is one, else by content.
-- An empty conversation apart, since IS NOT DISTINCT FROM cannot enter an index.
CREATE FUNCTION memos_same_memory(
    of_tenant uuid, of_user text, of_external_id text, of_conversation uuid, of_kind text, of_hash text
) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT m.id FROM memories_memory m
    WHERE of_external_id IS NOT NULL
      AND m.tenant_id = of_tenant AND m.user_id = of_user AND m.external_id = of_external_id
    UNION ALL
    SELECT m.id FROM memories_memory m
    WHERE of_external_id IS NULL AND m.tenant_id = of_tenant AND m.user_id = of_user
      AND m.conversation_id = of_conversation AND m.kind = of_kind AND m.content_hash = of_hash AND m.external_id IS NULL
    UNION ALL
    SELECT m.id FROM memories_memory m
    WHERE of_external_id IS NULL AND of_conversation IS NULL AND m.tenant_id = of_tenant AND m.user_id = of_user
      AND m.conversation_id IS NULL AND m.kind = of_kind AND m.content_hash = of_hash AND m.external_id IS NULL
    OFFSET 0
$$;

-- Write a batch of memories with their conversations and audit entries, all or none, in one round trip: of each item,
-- by its place, the memory's id and whether it was made or was there already. No two items may be the same memory.
--
-- Who writes to a conversation holds its row, so that turns are numbered in peace; conversations are held, and made
-- where they are missing, in the order of their names, and rows are written in the order of their identities: of two
-- batches neither waits for one the other has while the other waits for its own. Ids follow the order of the batch.
CREATE FUNCTION memos_remember(of_tenant uuid, items jsonb, by_actor text)
RETURNS TABLE (place int, id uuid, created boolean) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    present text := current_setting('memos.tenant_id', true);
    thread record;
    thread_id uuid;
    threads jsonb := '{}';
    places int[];
    ids uuid[];
    made boolean[];
BEGIN
    PERFORM set_config('memos.tenant_id', of_tenant::text, true);

    FOR thread IN
        SELECT DISTINCT item.user_id, item.conversation FROM jsonb_to_recordset(items) AS item (user_id text, conversation text)
        WHERE item.conversation <> '' ORDER BY 1, 2
    LOOP
        LOOP
            SELECT c.id INTO thread_id FROM memories_conversation c
            WHERE c.tenant_id = of_tenant AND c.user_id = thread.user_id AND c.key = thread.conversation FOR NO KEY UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO memories_conversation (tenant_id, user_id, key)
            VALUES (of_tenant, thread.user_id, thread.conversation) ON CONFLICT DO NOTHING;
        END LOOP;
        threads := threads || jsonb_build_object(jsonb_build_array(thread.user_id, thread.conversation)::text, thread_id);
    END LOOP;

    WITH offered AS MATERIALIZED (
        SELECT item.*, (threads ->> jsonb_build_array(item.user_id, item.conversation)::text)::uuid AS conversation_id
        FROM jsonb_to_recordset(items) AS item (
            place int, kind text, tier smallint, user_id text, agent_id text, conversation text, role text, speaker text,
            title text, category text, content text, content_hash text, external_id text, tags text[], metadata jsonb,
            importance_explicit float8, importance_computed float8, occurred_at timestamptz, valid_from timestamptz,
            valid_to timestamptz, expires_at timestamptz, pinned boolean, language text
        )
    ), known AS MATERIALIZED (
        -- Those that are there must be left out before the turns are numbered.
        SELECT o.place, same.id FROM offered o
        CROSS JOIN LATERAL memos_same_memory(of_tenant, o.user_id, o.external_id, o.conversation_id, o.kind, o.content_hash) AS same (id)
    ), fresh AS MATERIALIZED (
        SELECT uuidv7() AS id, in_order.* FROM (
            SELECT o.*, row_number() OVER (PARTITION BY o.conversation_id ORDER BY o.place) AS conversation_place
            FROM offered o WHERE NOT EXISTS (SELECT FROM known k WHERE k.place = o.place)
            ORDER BY o.place
        ) in_order
    ), last_turns AS (
        SELECT c.id, coalesce((SELECT max(m.turn) FROM memories_memory m WHERE m.conversation_id = c.id), 0) AS turn
        FROM (SELECT DISTINCT f.conversation_id AS id FROM fresh f WHERE f.conversation_id IS NOT NULL) c
    ), written AS (
        INSERT INTO memories_memory (
            id, tenant_id, kind, tier, user_id, agent_id, conversation_id, turn, role, speaker, title, category, content,
            content_hash, external_id, tags, metadata, importance_explicit, importance_computed, occurred_at, valid_from,
            valid_to, expires_at, pinned, language
        )
        SELECT
            f.id, of_tenant, f.kind, f.tier, f.user_id, f.agent_id, f.conversation_id, t.turn + f.conversation_place, f.role,
            f.speaker, f.title, f.category, f.content, f.content_hash, f.external_id, f.tags, f.metadata,
            f.importance_explicit, f.importance_computed, coalesce(f.occurred_at, now()), f.valid_from, f.valid_to,
            f.expires_at, f.pinned, f.language
        FROM fresh f LEFT JOIN last_turns t ON t.id = f.conversation_id
        ORDER BY f.user_id, f.external_id,
                 CASE WHEN f.external_id IS NULL THEN (f.conversation_id, f.kind, f.content_hash) END, f.place
        ON CONFLICT DO NOTHING
        RETURNING memories_memory.id
    ), audited AS (
        INSERT INTO memories_auditentry (tenant_id, memory_id, action, actor)
        SELECT of_tenant, w.id, 'remember', by_actor FROM written w
    ), answered AS (
        SELECT k.place, k.id, false AS created FROM known k
        UNION ALL
        SELECT f.place, w.id, true FROM written w JOIN fresh f ON f.id = w.id
    )
    SELECT array_agg(a.place), array_agg(a.id), array_agg(a.created) INTO places, ids, made FROM answered a;

    RETURN QUERY SELECT * FROM unnest(places, ids, made);
    IF coalesce(cardinality(places), 0) < jsonb_array_length(items) THEN
        -- The rest was written by others since.
        RETURN QUERY
            SELECT item.place, same.id, false
            FROM jsonb_to_recordset(items) AS item (
                place int, user_id text, conversation text, external_id text, kind text, content_hash text
            )
            CROSS JOIN LATERAL memos_same_memory(
                of_tenant, item.user_id, item.external_id,
                (threads ->> jsonb_build_array(item.user_id, item.conversation)::text)::uuid, item.kind, item.content_hash
            ) AS same (id)
            WHERE NOT item.place = ANY (coalesce(places, '{}'));
    END IF;

    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
