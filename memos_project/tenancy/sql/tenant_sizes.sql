-- Of each table that is kept apart by tenant: no statistics of the tenants are gathered, and each counts for a twentieth
-- of the rows. What was gathered before goes first, since what is not told anew would stay.
DO $$
DECLARE
    isolated record;
BEGIN
    FOR isolated IN
        SELECT c.oid::regclass AS named, c.relname::text AS name, a.attstattarget IS DISTINCT FROM 0 AS gathers
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = current_schema()::regnamespace AND pg_has_role(c.relowner, 'USAGE')
          AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    LOOP
        IF isolated.gathers THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET STATISTICS 0', isolated.named);
        END IF;
        PERFORM pg_clear_attribute_stats(current_schema()::text, isolated.name, 'tenant_id', false);
        PERFORM pg_restore_attribute_stats(
            'schemaname', current_schema()::text, 'relname', isolated.name, 'attname', 'tenant_id', 'inherited', false,
            'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 20::real
        );
    END LOOP;
END
$$;
