-- A search also follows what memories mention and counts what they name (sql/recall/linked.sql): what the graph learns,
-- merges and forgets ends answers that were kept.
CREATE TRIGGER graph_mention_come AFTER INSERT ON graph_mention
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_come();
CREATE TRIGGER graph_mention_change AFTER UPDATE ON graph_mention
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_come();
CREATE TRIGGER graph_mention_go AFTER DELETE ON graph_mention
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION memos_rows_go();
