DROP FUNCTION memos_authenticate(bytea);
