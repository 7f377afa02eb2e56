-- Whose a mention is goes with its column.
SELECT 1;
