-- A row that needs work says so itself: every insert, change of what the indexes hold, and delete leaves an
-- index job in the same transaction, whichever door it came through.
-- A revision is never drawn twice: a worker that comes late cannot take a memory's later job for its own.
CREATE SEQUENCE memories_indexjob_revision_seq OWNED BY memories_indexjob.revision;
ALTER TABLE memories_indexjob ALTER COLUMN revision SET DEFAULT nextval('memories_indexjob_revision_seq');

CREATE FUNCTION memories_memory_enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO memories_indexjob (memory_id, tenant_id) SELECT id, tenant_id FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO memories_indexjob (memory_id, tenant_id) SELECT id, tenant_id FROM old_rows
        ON CONFLICT (memory_id) DO UPDATE
        SET revision = nextval('memories_indexjob_revision_seq'), due_at = now(), attempts = 0, error = '';
    ELSE
        INSERT INTO memories_indexjob (memory_id, tenant_id)
        SELECT n.id, n.tenant_id FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (n.content_hash, n.title, n.user_id, n.agent_id, n.conversation_id, n.kind, n.tier, n.tags, n.occurred_at)
            IS DISTINCT FROM
            (o.content_hash, o.title, o.user_id, o.agent_id, o.conversation_id, o.kind, o.tier, o.tags, o.occurred_at)
        ON CONFLICT (memory_id) DO UPDATE
        SET revision = nextval('memories_indexjob_revision_seq'), due_at = now(), attempts = 0, error = '';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_memory_enqueue_insert AFTER INSERT ON memories_memory
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_enqueue();

CREATE TRIGGER memories_memory_enqueue_update AFTER UPDATE ON memories_memory
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_enqueue();

CREATE TRIGGER memories_memory_enqueue_delete AFTER DELETE ON memories_memory
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_enqueue();

-- Takes jobs that are due, oldest first, by moving their due time to the end of a lease; none that another is taking.
-- Each is changed where the cursor stands: how large a backlog is changes too fast for a planner's statistics, and
-- a join planned for a small one reads a large one once for each job.
CREATE FUNCTION memos_claim(of_tenant uuid, lease_seconds double precision, at_most integer)
RETURNS TABLE (memory_id uuid, revision bigint, attempts integer) LANGUAGE plpgsql AS $$
DECLARE
    due CURSOR FOR
        SELECT j.memory_id, j.revision, j.attempts FROM memories_indexjob j
        WHERE j.tenant_id = of_tenant AND j.due_at <= statement_timestamp()
        ORDER BY j.due_at LIMIT at_most FOR UPDATE SKIP LOCKED;
BEGIN
    FOR job IN due LOOP
        UPDATE memories_indexjob j
        SET due_at = statement_timestamp() + make_interval(secs => lease_seconds), attempts = j.attempts + 1
        WHERE CURRENT OF due;
        memory_id := job.memory_id;
        revision := job.revision;
        attempts := job.attempts + 1;
        RETURN NEXT;
    END LOOP;
END
$$;

-- The sweep and the metrics must see every tenant's backlog, and a role under row-level security sees one at a
-- time: visit them in turn, in one round trip, and give out nothing but counts.
CREATE FUNCTION memos_backlog()
RETURNS TABLE (tenant_id uuid, due bigint, waiting bigint, failing bigint, oldest timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        RETURN QUERY
            SELECT each_tenant, count(*) FILTER (WHERE j.due_at <= now()), count(*),
                   count(*) FILTER (WHERE j.error <> ''), min(j.enqueued_at)
            FROM memories_indexjob j WHERE j.tenant_id = each_tenant HAVING count(*) > 0;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
