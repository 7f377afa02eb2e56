-- The active tenants with something to read that is due: visited in turn, in one round trip, as in memos_backlog().
CREATE FUNCTION memos_unread_tenants() RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant WHERE active LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        IF EXISTS (
            SELECT FROM memories_readjob j
            WHERE j.tenant_id = each_tenant AND j.due_at <= statement_timestamp()
        ) THEN
            RETURN NEXT each_tenant;
        END IF;
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
