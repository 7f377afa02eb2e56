-- Find a key by the digest of its secret before its tenant is known, note its use at most once a minute,
-- and return it with its tenant. One statement, hence one round trip and its own transaction: the local
-- setting that lets the key's row be seen is gone when it ends.
CREATE FUNCTION memos_authenticate(wanted bytea)
RETURNS TABLE (
    key_id uuid, key_name text, scopes text[], usable boolean,
    tenant_id uuid, slug text, language text, overrides jsonb
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('memos.api_key_digest', encode(wanted, 'hex'), true);
    UPDATE tenancy_apikey k SET last_used_at = now()
    WHERE k.digest = wanted AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
    RETURN QUERY
        SELECT k.id, k.name::text, k.scopes::text[],
               k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND t.active,
               t.id, t.slug::text, t.language::text, t.overrides
        FROM tenancy_apikey k JOIN tenancy_tenant t ON t.id = k.tenant_id
        WHERE k.digest = wanted;
    PERFORM set_config('memos.api_key_digest', '', true);
END
$$;
