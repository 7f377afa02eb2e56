-- Mentions that were there before they had an owner.
DO $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        UPDATE graph_mention n SET owner = m.owner FROM memories_memory m
        WHERE m.id = n.memory_id AND m.owner <> n.owner;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
