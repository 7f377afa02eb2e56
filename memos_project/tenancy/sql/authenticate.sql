-- Find a key by the digest of its secret before its tenant is known, note its use at most once a minute,
-- and return it. One statement, hence one round trip and its own transaction: the local
-- setting that lets the key's row be seen is gone when it ends.
CREATE FUNCTION memos_authenticate(wanted bytea)
RETURNS TABLE (
    key_id uuid, key_name text, scopes text[], tenant_id uuid, expires_at timestamptz
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('memos.api_key_digest', encode(wanted, 'hex'), true);
    UPDATE tenancy_apikey k SET last_used_at = now()
    WHERE k.digest = wanted AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
    RETURN QUERY
        SELECT k.id, k.name::text, k.scopes::text[], k.tenant_id, k.expires_at
        FROM tenancy_apikey k WHERE k.digest = wanted AND k.revoked_at IS NULL;
    PERFORM set_config('memos.api_key_digest', '', true);
END
$$;
