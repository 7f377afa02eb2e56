-- What was learned before a told end knew what it reaches is read again.
DO $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        INSERT INTO memories_readjob (tenant_id, memory_id)
        SELECT DISTINCT r.tenant_id, r.memory_id FROM graph_relation r
        WHERE r.tenant_id = each_tenant AND r.memory_id IS NOT NULL AND r.unlearned_at IS NULL AND r.negated
        ORDER BY 2
        ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
