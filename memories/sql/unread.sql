-- A memory that is forgotten need not be read.
ALTER TABLE memories_readjob ADD CONSTRAINT readjob_of_memory
    FOREIGN KEY (memory_id) REFERENCES memories_memory (id) ON DELETE CASCADE;
