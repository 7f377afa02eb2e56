DROP TRIGGER graph_name_gone ON graph_entityname;
DROP FUNCTION graph_name_gone();
CREATE OR REPLACE FUNCTION graph_mention_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM graph_drop_unspoken(array(SELECT DISTINCT entity_id FROM old_rows));
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION graph_drop_unspoken(entities uuid[]) RETURNS void LANGUAGE plpgsql AS $$
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
DROP FUNCTION graph_drop_unspoken_names(bigint[]);
DROP FUNCTION graph_call_by_spoken_name(uuid[]);
ALTER TABLE graph_mention DROP CONSTRAINT mention_of_name;
