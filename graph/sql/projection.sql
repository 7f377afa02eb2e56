-- What differs from the graph store says so itself: whatever changes the graph, a cascade too, leaves a mark in its own
-- transaction. Only while a store is to be kept level: otherwise it costs a look at one row for each statement.

CREATE FUNCTION graph_entity_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM graph_projection) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO graph_projectmark (tenant_id, kind, node_id) SELECT tenant_id, 1, id FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO graph_projectmark (tenant_id, kind, node_id) SELECT tenant_id, 1, id FROM old_rows;
    ELSE
        INSERT INTO graph_projectmark (tenant_id, kind, node_id)
        SELECT n.tenant_id, 1, n.id FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE (n.kind, n.name) <> (o.kind, o.name);
    END IF;
    RETURN NULL;
END
$$;

-- A memory has a node when it has been read. That it was read again changes none.
CREATE FUNCTION graph_reading_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM graph_projection) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO graph_projectmark (tenant_id, kind, node_id) SELECT tenant_id, 2, memory_id FROM new_rows;
    ELSE
        INSERT INTO graph_projectmark (tenant_id, kind, node_id) SELECT tenant_id, 2, memory_id FROM old_rows;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION graph_mention_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM graph_projection) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO graph_projectmark (tenant_id, kind, node_id)
        SELECT DISTINCT tenant_id, 2, memory_id FROM old_rows;
    ELSE
        INSERT INTO graph_projectmark (tenant_id, kind, node_id)
        SELECT DISTINCT tenant_id, 2, memory_id FROM new_rows;
    END IF;
    RETURN NULL;
END
$$;

-- The subjects of relations that have one of two entities at either end.
CREATE FUNCTION graph_touched(of_tenant uuid, one uuid, other uuid, of_predicate text) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT r.subject_id FROM graph_relation r
    WHERE r.tenant_id = of_tenant AND r.predicate = of_predicate AND r.subject_id = ANY(ARRAY[one, other])
    UNION ALL
    SELECT r.subject_id FROM graph_relation r
    WHERE r.tenant_id = of_tenant AND r.predicate = of_predicate AND r.object_id = ANY(ARRAY[one, other])
$$;

-- What a relation is ended by is another one of its subject and predicate: all of them are looked at together. Of those
-- of which each end has but one other end at a time, it may be one of any of both.
CREATE FUNCTION graph_relation_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM graph_projection) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        WITH changed AS (SELECT tenant_id, subject_id, object_id, predicate FROM new_rows)
        INSERT INTO graph_projectmark (tenant_id, kind, node_id, predicate)
        SELECT tenant_id, 3, subject_id, predicate FROM changed
        UNION SELECT c.tenant_id, 3, touched.subject_id, c.predicate FROM changed c
        CROSS JOIN LATERAL graph_touched(c.tenant_id, c.subject_id, c.object_id, c.predicate) AS touched (subject_id)
        WHERE c.predicate IN ('married_to', 'partner_of');
    ELSIF TG_OP = 'DELETE' THEN
        WITH changed AS (SELECT tenant_id, subject_id, object_id, predicate FROM old_rows)
        INSERT INTO graph_projectmark (tenant_id, kind, node_id, predicate)
        SELECT tenant_id, 3, subject_id, predicate FROM changed
        UNION SELECT c.tenant_id, 3, touched.subject_id, c.predicate FROM changed c
        CROSS JOIN LATERAL graph_touched(c.tenant_id, c.subject_id, c.object_id, c.predicate) AS touched (subject_id)
        WHERE c.predicate IN ('married_to', 'partner_of');
    ELSE
        WITH changed AS (SELECT tenant_id, subject_id, object_id, predicate FROM old_rows UNION SELECT tenant_id, subject_id, object_id, predicate FROM new_rows)
        INSERT INTO graph_projectmark (tenant_id, kind, node_id, predicate)
        SELECT tenant_id, 3, subject_id, predicate FROM changed
        UNION SELECT c.tenant_id, 3, touched.subject_id, c.predicate FROM changed c
        CROSS JOIN LATERAL graph_touched(c.tenant_id, c.subject_id, c.object_id, c.predicate) AS touched (subject_id)
        WHERE c.predicate IN ('married_to', 'partner_of');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER graph_entity_mark_insert AFTER INSERT ON graph_entity
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_entity_mark();
CREATE TRIGGER graph_entity_mark_update AFTER UPDATE ON graph_entity
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_entity_mark();
CREATE TRIGGER graph_entity_mark_delete AFTER DELETE ON graph_entity
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_entity_mark();

CREATE TRIGGER graph_reading_mark_insert AFTER INSERT ON graph_reading
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_reading_mark();
CREATE TRIGGER graph_reading_mark_delete AFTER DELETE ON graph_reading
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_reading_mark();

CREATE TRIGGER graph_mention_mark_insert AFTER INSERT ON graph_mention
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_mention_mark();
CREATE TRIGGER graph_mention_mark_update AFTER UPDATE ON graph_mention
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_mention_mark();
CREATE TRIGGER graph_mention_mark_delete AFTER DELETE ON graph_mention
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_mention_mark();

CREATE TRIGGER graph_relation_mark_insert AFTER INSERT ON graph_relation
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_relation_mark();
CREATE TRIGGER graph_relation_mark_update AFTER UPDATE ON graph_relation
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_relation_mark();
CREATE TRIGGER graph_relation_mark_delete AFTER DELETE ON graph_relation
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_relation_mark();

-- Whether the store holds what a tenant's rows say: nothing is marked, and all of it was marked since the store was set up.
CREATE FUNCTION graph_is_level(of_tenant uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (SELECT m.id FROM graph_projectmark m WHERE m.tenant_id = of_tenant ORDER BY m.id LIMIT 1) IS NULL
       AND EXISTS (SELECT FROM graph_projector r JOIN graph_projection p ON p.epoch = r.epoch WHERE r.tenant_id = of_tenant)
$$;

-- As memos_backlog() does for the indexes: every tenant's backlog, and nothing but counts of it. A tenant that was not
-- marked since the store was set up is due though it has none.
CREATE FUNCTION graph_backlog()
RETURNS TABLE (tenant_id uuid, due bigint, waiting bigint, failing bigint, oldest timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        IF NOT graph_is_level(each_tenant) THEN
            RETURN QUERY
                SELECT each_tenant, count(*) FILTER (WHERE m.due_at <= now()), count(*),
                       count(*) FILTER (WHERE m.error <> ''), min(m.marked_at)
                FROM graph_projectmark m WHERE m.tenant_id = each_tenant;
        END IF;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
