-- A mention's name is one of its entity's: what was written before there were names is known by the one it spells, or else
-- by the oldest.
DO $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        UPDATE graph_mention m SET name_id = (
            SELECT n.id FROM graph_entityname n WHERE n.entity_id = m.entity_id
            ORDER BY lower(n.name) = lower(m.text) DESC, n.id LIMIT 1
        );
        UPDATE graph_relation r SET
            subject_name_id = (SELECT m.name_id FROM graph_mention m
                               WHERE m.memory_id = r.memory_id AND m.entity_id = r.subject_id ORDER BY m.id LIMIT 1),
            object_name_id = (SELECT m.name_id FROM graph_mention m
                              WHERE m.memory_id = r.memory_id AND m.entity_id = r.object_id ORDER BY m.id LIMIT 1)
        WHERE r.memory_id IS NOT NULL;
        UPDATE graph_merge SET dropped = jsonb_build_object('id', dropped -> 'id') WHERE undone_at IS NOT NULL;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
