DROP FUNCTION memos_backlog();
DROP TRIGGER memories_memory_enqueue_delete ON memories_memory;
DROP TRIGGER memories_memory_enqueue_update ON memories_memory;
DROP TRIGGER memories_memory_enqueue_insert ON memories_memory;
DROP FUNCTION memories_memory_enqueue();
