-- What hangs on a memory goes with it in the database itself, in the transaction that forgets it.
ALTER TABLE graph_reading ADD CONSTRAINT reading_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE graph_mention ADD CONSTRAINT mention_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE graph_relation ADD CONSTRAINT relation_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
-- And so do names, mentions and relations with their entity.
ALTER TABLE graph_entityname ADD CONSTRAINT entityname_of_entity
    FOREIGN KEY (entity_id) REFERENCES graph_entity (id) ON DELETE CASCADE;
ALTER TABLE graph_namekey ADD CONSTRAINT namekey_of_name
    FOREIGN KEY (name_id) REFERENCES graph_entityname (id) ON DELETE CASCADE;
ALTER TABLE graph_mention ADD CONSTRAINT mention_of_entity
    FOREIGN KEY (entity_id) REFERENCES graph_entity (id) ON DELETE CASCADE;
ALTER TABLE graph_relation ADD CONSTRAINT relation_of_subject
    FOREIGN KEY (subject_id) REFERENCES graph_entity (id) ON DELETE CASCADE;
ALTER TABLE graph_relation ADD CONSTRAINT relation_of_object
    FOREIGN KEY (object_id) REFERENCES graph_entity (id) ON DELETE CASCADE;
ALTER TABLE graph_doubt ADD CONSTRAINT doubt_of_one
    FOREIGN KEY (one_id) REFERENCES graph_entity (id) ON DELETE CASCADE;
ALTER TABLE graph_doubt ADD CONSTRAINT doubt_of_other
    FOREIGN KEY (other_id) REFERENCES graph_entity (id) ON DELETE CASCADE;

-- Nothing is left of what only a forgotten memory spoke of: an entity goes with the last mention and relation, unless a
-- curator has said something of it, and with it the records of what was merged into it. The lock waits for whoever is
-- about to mention it; only the next statement sees what they wrote.
CREATE FUNCTION graph_drop_unspoken(entities uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM graph_entity e WHERE e.id = ANY (entities) ORDER BY e.id FOR UPDATE;
    WITH RECURSIVE gone AS (
        DELETE FROM graph_entity e
        WHERE e.id = ANY (entities) AND e.summary = ''
          AND NOT EXISTS (SELECT FROM graph_mention m WHERE m.entity_id = e.id)
          AND NOT EXISTS (SELECT FROM graph_relation r WHERE r.subject_id = e.id)
          AND NOT EXISTS (SELECT FROM graph_relation r WHERE r.object_id = e.id)
        RETURNING e.id, e.tenant_id
    ), lost AS (
        SELECT m.id, m.tenant_id, m.dropped, m.undone_at
        FROM graph_merge m JOIN gone ON m.kept_id = gone.id AND m.tenant_id = gone.tenant_id
        UNION
        SELECT m.id, m.tenant_id, m.dropped, m.undone_at
        FROM graph_merge m
        JOIN lost ON m.kept_id = (lost.dropped ->> 'id')::uuid AND m.tenant_id = lost.tenant_id
        WHERE lost.undone_at IS NULL
    )
    DELETE FROM graph_merge m USING lost WHERE m.id = lost.id;
END
$$;
CREATE FUNCTION graph_mention_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM graph_drop_unspoken(array(SELECT DISTINCT entity_id FROM old_rows));
    RETURN NULL;
END
$$;
CREATE FUNCTION graph_relation_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM graph_drop_unspoken(array(SELECT subject_id FROM old_rows UNION SELECT object_id FROM old_rows));
    RETURN NULL;
END
$$;
CREATE TRIGGER graph_mention_gone AFTER DELETE ON graph_mention
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_mention_gone();
CREATE TRIGGER graph_relation_gone AFTER DELETE ON graph_relation
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_relation_gone();
