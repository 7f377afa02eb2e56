-- Whose a mention is, is what its memory says; no memory changes hands.
CREATE FUNCTION graph_mention_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := coalesce((SELECT m.owner FROM memories_memory m WHERE m.id = NEW.memory_id), 0);
    RETURN NEW;
END
$$;
CREATE TRIGGER graph_mention_fill BEFORE INSERT ON graph_mention
FOR EACH ROW EXECUTE FUNCTION graph_mention_fill();

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
