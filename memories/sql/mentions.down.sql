DROP TRIGGER graph_mention_go ON graph_mention;
DROP TRIGGER graph_mention_change ON graph_mention;
DROP TRIGGER graph_mention_come ON graph_mention;
