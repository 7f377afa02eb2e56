ALTER TABLE graph_mention ADD CONSTRAINT mention_of_name
    FOREIGN KEY (name_id) REFERENCES graph_entityname (id) ON DELETE CASCADE;

-- A curator's denial of what nobody says any more keeps no entity.
CREATE OR REPLACE FUNCTION graph_drop_unspoken(entities uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM graph_entity e WHERE e.id = ANY (entities) ORDER BY e.id FOR UPDATE;
    WITH RECURSIVE gone AS (
        DELETE FROM graph_entity e
        WHERE e.id = ANY (entities) AND e.summary = ''
          AND NOT EXISTS (SELECT FROM graph_mention m WHERE m.entity_id = e.id)
          AND NOT EXISTS (SELECT FROM graph_relation r WHERE r.subject_id = e.id AND NOT (r.negated AND r.memory_id IS NULL))
          AND NOT EXISTS (SELECT FROM graph_relation r WHERE r.object_id = e.id AND NOT (r.negated AND r.memory_id IS NULL))
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

-- An entity that is called by a name it does not have any more is called by the one it is mentioned by most.
CREATE FUNCTION graph_call_by_spoken_name(entities uuid[]) RETURNS void LANGUAGE sql AS $$
    UPDATE graph_entity e SET name = most.name
    FROM graph_entity also CROSS JOIN LATERAL (
        SELECT n.name FROM graph_entityname n WHERE n.entity_id = also.id
        ORDER BY (SELECT count(*) FROM graph_mention m WHERE m.name_id = n.id) DESC, n.id LIMIT 1
    ) most
    WHERE e.id = also.id AND e.id = ANY (entities)
      AND NOT EXISTS (SELECT FROM graph_entityname n WHERE n.entity_id = e.id AND n.name = e.name)
$$;

-- A name goes with its last mention, unless a curator gave it or the entity has no other. Who waits for the lock in
-- graph_drop_unspoken has it here as well.
CREATE FUNCTION graph_drop_unspoken_names(names bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    poorer uuid[];
BEGIN
    WITH gone AS (
        DELETE FROM graph_entityname n USING graph_entity e
        WHERE n.id = ANY (names) AND e.id = n.entity_id AND NOT n.given
          AND NOT EXISTS (SELECT FROM graph_mention m WHERE m.name_id = n.id)
          AND (n.name <> e.name OR EXISTS (
              SELECT FROM graph_entityname o WHERE o.entity_id = e.id AND o.id <> n.id
                AND (o.given OR EXISTS (SELECT FROM graph_mention m WHERE m.name_id = o.id))
          ))
        RETURNING n.entity_id
    )
    SELECT array_agg(DISTINCT entity_id) INTO poorer FROM gone;
    IF poorer IS NOT NULL THEN
        PERFORM graph_call_by_spoken_name(poorer);
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION graph_mention_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM graph_drop_unspoken(array(SELECT DISTINCT entity_id FROM old_rows));
    PERFORM graph_drop_unspoken_names(array(SELECT DISTINCT name_id FROM old_rows));
    RETURN NULL;
END
$$;
-- Whichever way a name goes, the records of merges that moved it forget it, and go with the last name they moved: a split
-- may have made it another entity's than the others. Who waits for the lock sees the names that went meanwhile.
CREATE FUNCTION graph_name_gone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tellers uuid[];
BEGIN
    SELECT array_agg(past.id) INTO tellers FROM (
        SELECT m.id FROM graph_merge m
        WHERE m.tenant_id IN (SELECT tenant_id FROM old_rows) AND m.undone_at IS NULL AND EXISTS (
            SELECT FROM jsonb_array_elements_text(m.moved -> 'names') had (id)
            WHERE had.id::bigint IN (SELECT id FROM old_rows)
        )
        ORDER BY m.id FOR UPDATE
    ) past;
    IF tellers IS NULL THEN
        RETURN NULL;
    END IF;
    WITH named AS (
        SELECT past.id, past.dropped ->> 'name' AS name, most.name AS other
        FROM graph_merge past LEFT JOIN LATERAL (
            SELECT n.name FROM jsonb_array_elements_text(past.moved -> 'names') had (id)
            JOIN graph_entityname n ON n.id = had.id::bigint
            ORDER BY n.name = past.dropped ->> 'name' DESC,
                     (SELECT count(*) FROM graph_mention m WHERE m.name_id = n.id) DESC, n.id LIMIT 1
        ) most ON true
        WHERE past.id = ANY (tellers) AND past.undone_at IS NULL
    ), empty AS (
        DELETE FROM graph_merge m USING named WHERE m.id = named.id AND named.other IS NULL
    )
    UPDATE graph_merge m SET dropped = jsonb_set(m.dropped, '{name}', to_jsonb(named.other))
    FROM named WHERE m.id = named.id AND named.other <> named.name;
    RETURN NULL;
END
$$;
CREATE TRIGGER graph_name_gone AFTER DELETE ON graph_entityname
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION graph_name_gone();
