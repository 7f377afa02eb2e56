-- A revision is never drawn twice: a worker that comes late cannot take a memory's later job for its own.
CREATE SEQUENCE memories_readjob_revision_seq OWNED BY memories_readjob.revision;
ALTER TABLE memories_readjob ALTER COLUMN revision SET DEFAULT nextval('memories_readjob_revision_seq');
