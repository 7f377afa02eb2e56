DROP FUNCTION memos_backlog();
DROP FUNCTION memos_claim(uuid, double precision, integer);
DROP TRIGGER memories_memory_enqueue_delete ON memories_memory;
DROP TRIGGER memories_memory_enqueue_update ON memories_memory;
DROP TRIGGER memories_memory_enqueue_insert ON memories_memory;
DROP FUNCTION memories_memory_enqueue();
ALTER TABLE memories_indexjob ALTER COLUMN revision SET DEFAULT 1;
DROP SEQUENCE memories_indexjob_revision_seq;
