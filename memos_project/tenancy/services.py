"""The write path of tenants and keys."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from memos_project.tenancy.callers import digest_of, key_changed
from memos_project.tenancy.models import ApiKey, Tenant

KEY_MARK = "mos_"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What the first start made; None where it was there already."""

    api_key: str | None
    admin_password: str | None


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
        key = ApiKey.objects.filter(pk=key_id, revoked_at=None).select_for_update().first()
        if key is None:
            raise NotFound("There is no such key, or it is revoked already.")
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


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
            for other in live.exclude(digest=digest):
                revoke_key(tenant_id, other.pk)
            # A key that was in use before is used again: the operator who names it wants it to open.
            if ApiKey.objects.filter(digest=digest).update(**operator):
                key_changed(digest)
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
