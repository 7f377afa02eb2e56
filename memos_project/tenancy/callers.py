"""Who a request is from, and about: secrets become callers, references become tenants, both cached."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from memos_project.db import fetch_prepared
from memos_project.encoding import to_json
from memos_project.errors import NotFound
from memos_project.near_cache import NearCache
from memos_project.tenancy.models import ApiKey, Tenant

# A change reaches every process at once; this is for a change whose process died before it could tell.
SECONDS = 30.0

FIND_KEY = "SELECT key_id, key_name, scopes, tenant_id, expires_at FROM memos_authenticate(%s)"
FIND_TENANT = "SELECT id, slug, language, overrides::text FROM tenancy_tenant WHERE {} = %s AND active"


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """What the request path needs to know of a tenant, free of the ORM."""

    id: UUID
    slug: str
    language: str
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """An API key that is not revoked, as it is cached."""

    id: UUID
    name: str
    scopes: list[str]
    tenant_id: UUID
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated API key and the tenant it speaks for."""

    key_id: UUID
    key_name: str
    scopes: frozenset[str]
    tenant: TenantInfo

    is_authenticated = True

    @property
    def is_operator(self) -> bool:
        return ApiKey.Scope.OPERATOR in self.scopes

    def may(self, scope: str) -> bool:
        """Operators may do everything; to write includes to read."""
        implied = {"read": {"read", "write"}, "write": {"write"}}.get(scope, set())
        return self.is_operator or bool(self.scopes & implied)


def _load_key(kept: bytes) -> KnownKey:
    said = orjson.loads(kept)
    expires_at = said["expires_at"] and datetime.fromisoformat(said["expires_at"])
    return KnownKey(UUID(said["id"]), said["name"], said["scopes"], UUID(said["tenant_id"]), expires_at)


def _load_tenant(kept: bytes) -> TenantInfo:
    said = orjson.loads(kept)
    return TenantInfo(UUID(said["id"]), said["slug"], said["language"], said["overrides"])


# By the digest of their secret, in hexadecimal.
_keys = NearCache[KnownKey]("api keys", entries=10_000, seconds=SECONDS, dump=to_json, load=_load_key)
# By id and by slug, active ones only.
_tenants = NearCache[TenantInfo]("tenants", entries=10_000, seconds=SECONDS, dump=to_json, load=_load_tenant)


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def authenticate(secret: str) -> Caller | None:
    """The caller behind a secret, or None where it is unknown, expired, revoked or its tenant is off."""
    digest = digest_of(secret)
    key = _keys.get(digest.hex(), lambda: _read_key(digest))
    if key is None or (key.expires_at and key.expires_at <= timezone.now()):
        return None
    tenant = _tenants.get(str(key.tenant_id), lambda: _read_tenant("id", key.tenant_id))
    return Caller(key.id, key.name, frozenset(key.scopes), tenant) if tenant else None


def find_tenant(reference: str) -> TenantInfo:
    """A tenant by its id or its slug; raises NotFound."""
    try:
        reference, column = str(UUID(reference)), "id"
    except ValueError:
        column = "slug"
    # No slug has a NUL, and PostgreSQL cannot be asked for one.
    tenant = None if "\0" in reference else _tenants.get(reference, lambda: _read_tenant(column, reference))
    if tenant is None:
        raise NotFound("There is no such tenant.", field="tenant_id")
    return tenant


def tenant_info(tenant: Tenant) -> TenantInfo:
    return TenantInfo(tenant.id, tenant.slug, tenant.language, dict(tenant.overrides))


def key_changed(digest: bytes) -> None:
    """No process lets this key in by what it knew of it."""
    _forget(_keys, digest.hex())


def _forget(cache: NearCache[Any], *keys: str) -> None:
    """Now, for what this transaction asks itself; and when it is over, for what others have read until then."""
    cache.forget(*keys)
    if connection.in_atomic_block:
        transaction.on_commit(lambda: cache.forget(*keys), robust=True)


@receiver(post_save, sender=ApiKey)
def _key_saved(instance: ApiKey, **kwargs: Any) -> None:
    key_changed(bytes(instance.digest))


@receiver(post_save, sender=Tenant)
def _tenant_saved(instance: Tenant, **kwargs: Any) -> None:
    _forget(_tenants, str(instance.pk), instance.slug)


def _read_key(digest: bytes) -> KnownKey | None:
    with connection.cursor() as cursor:
        cursor.execute(FIND_KEY, [digest])
        row = cursor.fetchone()
    return row and KnownKey(*row)


def _read_tenant(column: str, value: UUID | str) -> TenantInfo | None:
    for tenant_id, slug, language, overrides in fetch_prepared(FIND_TENANT.format(column), [value]):
        return TenantInfo(tenant_id, slug, language, orjson.loads(overrides))
    return None
