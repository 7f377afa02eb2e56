DROP INDEX IF EXISTS memoryvector_hnsw_1;
DELETE FROM memories_embeddingmodel WHERE id = 1;
