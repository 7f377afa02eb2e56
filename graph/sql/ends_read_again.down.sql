-- What was read again stays so.
SELECT 1;
