-- The model that comes with memOS, and its HNSW index. More are added by `manage.py embedding_model`.
INSERT INTO memories_embeddingmodel (id, name, provider, dimensions, token_dimensions, max_tokens, chunk_overlap, state)
VALUES (1, 'all-minilm-l6-v2', 'onnx', 384, 128, 256, 28, 'active');
SELECT setval(pg_get_serial_sequence('memories_embeddingmodel', 'id'), 1);

CREATE INDEX memoryvector_hnsw_1 ON memories_memoryvector
USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops) WITH (m = 24, ef_construction = 100)
WHERE model_id = 1 AND in_graph;
