-- Which state of its memories a tenant is at: a number that rises in every transaction which changes what a recall may
-- answer, by trigger, so that it is certain whichever door the change came through.

-- Once in a transaction is enough, since all of it is seen at once; a savepoint that is rolled back takes the mark with
-- it. Whoever changes memories takes a row that nobody holds, or makes a new one: there are at most about as many
-- as there were writers at one time, and no writer ever waits for another here, so that none can wait in a circle.
CREATE FUNCTION memos_count_change(of_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('memos.change_counted', true) = of_tenant::text THEN
        RETURN;
    END IF;
    UPDATE memories_changecount SET number = number + 1 WHERE id = (
        SELECT c.id FROM memories_changecount c WHERE c.tenant_id = of_tenant
        ORDER BY c.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    );
    IF NOT FOUND THEN
        INSERT INTO memories_changecount (tenant_id, number) VALUES (of_tenant, 1);
    END IF;
    PERFORM set_config('memos.change_counted', of_tenant::text, true);
END
$$;

-- The number, and when the next memory ends: a memory that is over is gone without any change. In one round trip, for
-- a caller outside of a tenant's scope.
CREATE FUNCTION memos_changes(of_tenant uuid) RETURNS TABLE (number bigint, ends timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
BEGIN
    PERFORM set_config('memos.tenant_id', of_tenant::text, true);
    RETURN QUERY SELECT
        (SELECT coalesce(sum(c.number), 0)::bigint FROM memories_changecount c WHERE c.tenant_id = of_tenant),
        least(
            (SELECT m.expires_at FROM memories_memory m
             WHERE m.tenant_id = of_tenant AND m.expires_at > now() ORDER BY m.expires_at LIMIT 1),
            (SELECT m.valid_to FROM memories_memory m
             WHERE m.tenant_id = of_tenant AND m.valid_to > now() ORDER BY m.valid_to LIMIT 1)
        );
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;

CREATE FUNCTION memos_rows_come() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM memos_count_change(each.tenant_id) FROM (SELECT DISTINCT tenant_id FROM new_rows) each;
    RETURN NULL;
END
$$;

CREATE FUNCTION memos_rows_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM memos_count_change(each.tenant_id) FROM (SELECT DISTINCT tenant_id FROM old_rows) each;
    RETURN NULL;
END
$$;

-- That a memory was read changes no answer: every column but access_count and last_accessed_at counts.
CREATE FUNCTION memories_memory_differ() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM memos_count_change(each.tenant_id) FROM (
        SELECT DISTINCT n.tenant_id FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (n.version, n.updated_at, n.kind, n.tier, n.user_id, n.agent_id, n.conversation_id, n.turn, n.role, n.speaker,
               n.title, n.category, n.content_hash, n.external_id, n.tags, n.metadata, n.importance_explicit,
               n.importance_computed, n.occurred_at, n.created_at, n.valid_from, n.valid_to, n.superseded_by_id,
               n.expires_at, n.pinned, n.language, n.owner, n.length, n.lexemes, n.content)
            IS DISTINCT FROM
              (o.version, o.updated_at, o.kind, o.tier, o.user_id, o.agent_id, o.conversation_id, o.turn, o.role, o.speaker,
               o.title, o.category, o.content_hash, o.external_id, o.tags, o.metadata, o.importance_explicit,
               o.importance_computed, o.occurred_at, o.created_at, o.valid_from, o.valid_to, o.superseded_by_id,
               o.expires_at, o.pinned, o.language, o.owner, o.length, o.lexemes, o.content)
    ) each;
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_memory_come AFTER INSERT ON memories_memory
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_come();
CREATE TRIGGER memories_memory_differ AFTER UPDATE ON memories_memory
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_differ();
CREATE TRIGGER memories_memory_go AFTER DELETE ON memories_memory
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_go();

-- What else an answer is made of: vectors, token vectors, the names of conversations, whether the HNSW index is asked,
-- and the statistics of words. Postings follow the memories; whoever mends them by hand counts the change himself.
DO $$
DECLARE
    a_table text;
BEGIN
    FOREACH a_table IN ARRAY ARRAY[
        'memories_memoryvector', 'memories_memorytokens', 'memories_conversation', 'memories_graphtenant',
        'memories_textstatistics', 'memories_frequentterm'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER %1$s_come AFTER INSERT ON %1$s REFERENCING NEW TABLE AS new_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_come()', a_table);
        EXECUTE format(
            'CREATE TRIGGER %1$s_change AFTER UPDATE ON %1$s REFERENCING NEW TABLE AS new_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_come()', a_table);
        EXECUTE format(
            'CREATE TRIGGER %1$s_go AFTER DELETE ON %1$s REFERENCING OLD TABLE AS old_rows'
            ' FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_go()', a_table);
    END LOOP;
END
$$;

-- A job that is done: an index outside of the database has been brought level just now.
CREATE TRIGGER memories_indexjob_go AFTER DELETE ON memories_indexjob
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_go();

-- The rows are few and change all the time: half a page is left for their next versions, so that no index is touched.
ALTER TABLE memories_changecount SET (fillfactor = 50);
