-- What hangs on a memory goes with it in the database itself: no Python collects thousands of rows first.
ALTER TABLE memories_memoryversion ADD CONSTRAINT memoryversion_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE memories_memoryvector ADD CONSTRAINT memoryvector_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE memories_memorytokens ADD CONSTRAINT memorytokens_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
ALTER TABLE memories_memory ADD CONSTRAINT memory_superseded_by_memory
    FOREIGN KEY (superseded_by_id) REFERENCES memories_memory (id) ON DELETE SET NULL;
