DROP TRIGGER graph_mention_fill ON graph_mention;
DROP FUNCTION graph_mention_fill();
