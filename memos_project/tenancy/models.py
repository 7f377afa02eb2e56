"""Who owns rows (Tenant) and who may touch them (ApiKey)."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from memos_project.db import TenantIsolation, UuidV7


class Tenant(models.Model):
    """A customer of this installation; every lasting row belongs to exactly one."""

    class Language(models.TextChoices):
        """PostgreSQL's text search configurations that stem and know stop words."""

        ARABIC = "arabic"
        DANISH = "danish"
        DUTCH = "dutch"
        ENGLISH = "english"
        FINNISH = "finnish"
        FRENCH = "french"
        GERMAN = "german"
        HUNGARIAN = "hungarian"
        ITALIAN = "italian"
        NORWEGIAN = "norwegian"
        PORTUGUESE = "portuguese"
        ROMANIAN = "romanian"
        RUSSIAN = "russian"
        SPANISH = "spanish"
        SWEDISH = "swedish"
        TURKISH = "turkish"
        SIMPLE = "simple", "simple (no stemming)"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    slug = models.CharField(
        max_length=63,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "Lower-case letters, digits and inner hyphens."
            )
        ],
    )
    name = models.CharField(max_length=200)
    language = models.CharField(
        max_length=20,
        choices=Language,
        db_default=Language.ENGLISH,
        help_text="How new memories are stemmed; rows already stored keep theirs until they are revised.",
    )
    overrides = models.JSONField(
        default=dict,
        blank=True,
        help_text="This tenant's own values for what docs/reference/settings.md marks as per tenant.",
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="tenants",
        help_text="Admin users who may see this tenant's rows; superusers may see all.",
    )
    active = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A secret that speaks for a tenant; only its SHA-256 is kept."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, db_default=UuidV7(), editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(
        max_length=16, editable=False, help_text="The key's first characters, to tell keys apart."
    )
    digest = models.BinaryField(unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        constraints = [
            # A key is looked up before its tenant is known: whoever holds the digest may see its one row.
            TenantIsolation(
                name="apikey_tenant_isolation",
                also="digest = decode(NULLIF(current_setting('memos.api_key_digest', true), ''), 'hex')",
            ),
            models.CheckConstraint(
                name="apikey_scopes_known",
                condition=Q(scopes__contained_by=["read", "write", "operator"], scopes__len__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class IdempotentRequest(models.Model):
    """The answer to a request that named an Idempotency-Key, kept with the write that it made."""

    pk = models.CompositePrimaryKey("tenant", "key")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    fingerprint = models.BinaryField(help_text="SHA-256 of method, path and body.")
    status = models.SmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [TenantIsolation(name="idempotentrequest_tenant_isolation")]
        # The sweep of what is older than a day.
        indexes = [models.Index(name="idempotentrequest_by_age", fields=["tenant", "created_at"])]
