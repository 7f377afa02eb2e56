DROP FUNCTION memos_to_consolidate();
DROP TRIGGER memories_notesource_gone ON memories_notesource;
DROP FUNCTION memories_withdraw_notes();
ALTER TABLE memories_notelink DROP CONSTRAINT notelink_of_other;
ALTER TABLE memories_notelink DROP CONSTRAINT notelink_of_one;
ALTER TABLE memories_notesource DROP CONSTRAINT notesource_of_memory;
ALTER TABLE memories_notesource DROP CONSTRAINT notesource_of_note;
ALTER TABLE memories_note DROP CONSTRAINT note_of_memory;
