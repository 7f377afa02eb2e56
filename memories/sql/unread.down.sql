ALTER TABLE memories_readjob DROP CONSTRAINT readjob_of_memory;
