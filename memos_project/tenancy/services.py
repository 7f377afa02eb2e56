"""The write path of tenants and keys, and the look-up that turns a secret into a caller."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from memos_project.db import fetch_prepared, tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from memos_project.tenancy.models import ApiKey, Tenant

KEY_MARK = "mos_"

FIND_TENANT = "SELECT id, slug, language, overrides::text FROM tenancy_tenant WHERE {} = %s AND active"


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """What the request path needs to know of a tenant, free of the ORM."""

    id: UUID
    slug: str
    language: str
    overrides: dict[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What the first start made; None where it was there already."""

    api_key: str | None
    admin_password: str | None


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def authenticate(secret: str) -> Caller | None:
    """The caller behind a secret, or None where it is unknown, expired, revoked or its tenant is off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_id, key_name, scopes, usable, tenant_id, slug, language, overrides::text FROM memos_authenticate(%s)",
            [digest_of(secret)],
        )
        row = cursor.fetchone()
    if row is None or not row[3]:
        return None
    return Caller(row[0], row[1], frozenset(row[2]), TenantInfo(row[4], row[5], row[6], orjson.loads(row[7])))


def tenant_info(tenant: Tenant) -> TenantInfo:
    return TenantInfo(tenant.id, tenant.slug, tenant.language, dict(tenant.overrides))


def find_tenant(reference: str) -> TenantInfo:
    """A tenant by its id or its slug; raises NotFound."""
    try:
        found = fetch_prepared(FIND_TENANT.format("id"), [UUID(reference)])
    except ValueError:
        # No slug has a NUL, and PostgreSQL cannot be asked for one.
        found = [] if "\0" in reference else fetch_prepared(FIND_TENANT.format("slug"), [reference])
    if not found:
        raise NotFound("There is no such tenant.", field="tenant_id")
    tenant_id, slug, language, overrides = found[0]
    return TenantInfo(tenant_id, slug, language, orjson.loads(overrides))


def create_tenant(*, slug: str, name: str = "", language: str = Tenant.Language.ENGLISH) -> Tenant:
    try:
        with transaction.atomic():
            tenant = Tenant.objects.create(slug=slug, name=name or slug, language=language)
    except IntegrityError as error:
        raise Conflict(f"A tenant with the slug {slug!r} exists already.", field="slug") from error
    tenant.refresh_from_db()
    return tenant


def issue_key(
    tenant_id: UUID,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is not kept and cannot be shown again.

    Raises InvalidInput for unknown scopes, and Conflict for a secret that is in use.
    """
    unknown = set(scopes) - set(ApiKey.Scope.values)
    if unknown or not scopes:
        raise InvalidInput(f"Scopes are one or more of {', '.join(ApiKey.Scope.values)}.", field="scopes")
    secret = secret or KEY_MARK + secrets.token_urlsafe(32)
    with tenant_scope(tenant_id):
        key = ApiKey(
            tenant_id=tenant_id,
            name=name,
            prefix=secret[:8],
            digest=digest_of(secret),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
        )
        try:
            with transaction.atomic():
                key.save()
        except IntegrityError as error:
            raise Conflict("This secret is in use already.", field="secret") from error
    return key, secret


def revoke_key(tenant_id: UUID, key_id: UUID) -> None:
    """From now on the key opens nothing; its row stays for the record."""
    with tenant_scope(tenant_id):
        if not ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=timezone.now()):
            raise NotFound("There is no such key, or it is revoked already.")


def bootstrap(*, api_key: str | None, admin_password: str | None) -> Bootstrap:
    """Make the tenant ``default``, an operator's key and the admin user where they are missing.

    A given key or password that differs from the present one is set; what was there already and is not
    given is left alone and answered with None, since secrets are not kept.
    """
    tenant = Tenant.objects.filter(slug="default").first() or create_tenant(slug="default", name="Default")
    return Bootstrap(_bootstrap_key(tenant.id, api_key), _bootstrap_admin(admin_password))


def _bootstrap_key(tenant_id: UUID, wanted: str | None) -> str | None:
    operator = {
        "name": "bootstrap",
        "scopes": [ApiKey.Scope.OPERATOR],
        "revoked_at": None,
        "expires_at": None,
    }
    with tenant_scope(tenant_id):
        live = ApiKey.objects.filter(name="bootstrap", revoked_at=None)
        if wanted is None:
            if live.exists():
                return None
        else:
            digest = digest_of(wanted)
            live.exclude(digest=digest).update(revoked_at=timezone.now())
            # A key that was in use before is used again: the operator who names it wants it to open.
            if ApiKey.objects.filter(digest=digest).update(**operator):
                return wanted
        return issue_key(tenant_id, name="bootstrap", scopes=[ApiKey.Scope.OPERATOR], secret=wanted)[1]


def _bootstrap_admin(wanted: str | None) -> str | None:
    users = get_user_model().objects
    admin = users.filter(username="admin").first()
    if admin is not None and (wanted is None or admin.check_password(wanted)):
        return wanted
    password = wanted or secrets.token_urlsafe(12)
    if admin is None:
        users.create_superuser("admin", "", password)
    else:
        admin.set_password(password)
        admin.save(update_fields=["password"])
    return password
