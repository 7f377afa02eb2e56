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
