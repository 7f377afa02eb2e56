DROP FUNCTION memos_unread_tenants();
