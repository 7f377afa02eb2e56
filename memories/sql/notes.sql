-- What hangs on a note goes with it, and a citation with what it cites.
ALTER TABLE memories_note ADD CONSTRAINT note_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE memories_notesource ADD CONSTRAINT notesource_of_note
    FOREIGN KEY (note_id) REFERENCES memories_note (memory_id) ON DELETE CASCADE;
ALTER TABLE memories_notesource ADD CONSTRAINT notesource_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE memories_notelink ADD CONSTRAINT notelink_of_one
    FOREIGN KEY (one_id) REFERENCES memories_note (memory_id) ON DELETE CASCADE;
ALTER TABLE memories_notelink ADD CONSTRAINT notelink_of_other
    FOREIGN KEY (other_id) REFERENCES memories_note (memory_id) ON DELETE CASCADE;

-- A note may repeat what its sources say. Whoever forgets one has the note made anew first and takes the citation away;
-- whatever deletes a memory and does not, takes the notes along that cite it.
CREATE FUNCTION memories_withdraw_notes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM memories_memory n USING old_rows o
    WHERE n.id = o.note_id AND n.tenant_id = o.tenant_id
      AND NOT EXISTS (SELECT FROM memories_memory m WHERE m.id = o.memory_id AND m.tenant_id = o.tenant_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER memories_notesource_gone AFTER DELETE ON memories_notesource
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION memories_withdraw_notes();

-- Which tenants have something to consolidate: memories after their mark, or a run that was cut off. The sweep must see
-- every tenant's, and a role under row-level security sees one at a time: visit them in turn, in one round trip.
CREATE FUNCTION memos_to_consolidate() RETURNS TABLE (tenant_id uuid, has_fresh boolean, is_cut_off boolean)
LANGUAGE plpgsql AS $$
DECLARE
    present text := current_setting('memos.tenant_id', true);
    each_tenant uuid;
BEGIN
    FOR each_tenant IN SELECT id FROM tenancy_tenant WHERE active LOOP
        PERFORM set_config('memos.tenant_id', each_tenant::text, true);
        RETURN QUERY SELECT each_tenant,
            EXISTS (SELECT FROM memories_memory m
                    WHERE m.tenant_id = each_tenant AND m.kind <> 'note' AND m.id > coalesce(
                        (SELECT k.upto FROM memories_consolidationmark k WHERE k.tenant_id = each_tenant),
                        '00000000-0000-0000-0000-000000000000')),
            EXISTS (SELECT FROM memories_consolidationrun r
                    WHERE r.tenant_id = each_tenant AND r.state = 'running' AND r.leased_until <= now());
    END LOOP;
    PERFORM set_config('memos.tenant_id', coalesce(present, ''), true);
END
$$;
