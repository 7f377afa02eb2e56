ALTER TABLE memories_readjob ALTER COLUMN revision SET DEFAULT 1;
DROP SEQUENCE memories_readjob_revision_seq;
