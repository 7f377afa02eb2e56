"""Who may use memOS: tenants, their members and API keys, admin users and groups."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

# What a tenant may override of the ranking is the memories' to know; admin modules are loaded after all others.
from memories.profiles import with_overrides
from memories.ranking import DEFAULT_PROFILE
from memos_project.errors import InvalidInput, NotFound
from memos_project.tenancy import services
from memos_project.tenancy.admin_base import StorableJSONField, Superusers, TenantRows, tenant_of
from memos_project.tenancy.models import ApiKey, Tenant

LIMITS = ("rate_limit_tenant", "rate_limit_key", "working_quota_bytes")

admin.site.unregister([get_user_model(), Group])


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    overrides = StorableJSONField(help_text=Tenant._meta.get_field("overrides").help_text)

    def clean_overrides(self) -> dict[str, Any]:
        """What a tenant's requests will be served with must be usable before it is stored."""
        overrides = self.cleaned_data["overrides"]
        if not isinstance(overrides, dict):
            raise ValidationError('An object, such as {"ranking": {"half_life_days": 90}}.')
        if unknown := set(overrides) - {"ranking", *LIMITS}:
            raise ValidationError(
                f"Unknown: {', '.join(sorted(unknown))}. Known are ranking, {', '.join(LIMITS)}."
            )
        for name in LIMITS:
            limit = overrides.get(name, 1)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
                raise ValidationError(f"{name}: a whole number above 0.")
        ranking = overrides.get("ranking", {})
        if not isinstance(ranking, dict):
            raise ValidationError("ranking: an object.")
        try:
            with_overrides(DEFAULT_PROFILE, ranking)
        except InvalidInput as error:
            raise ValidationError(f"{error.field}: {error.detail}") from error
        return overrides


@admin.register(Tenant)
class TenantAdmin(Superusers):
    """Tenants are switched off, not deleted: their rows hang on them."""

    form = TenantForm
    list_display = ("name", "slug", "language", "active", "member_count", "created_at")
    list_filter = ("active",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("members",)
    actions = None
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("language", "active"))}),
        ("Who may see its rows", {"fields": ("members",)}),
        ("Its own values", {"fields": ("overrides",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        tenants: QuerySet[Tenant] = super().get_queryset(request)
        return tenants.annotate(members_counted=Count("members"))

    @display(description="Members")
    def member_count(self, tenant: Any) -> int:
        return int(tenant.members_counted)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Callers name a tenant by its slug: it stays."""
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"language": Tenant.Language.ENGLISH, "active": True}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            made = services.create_tenant(slug=obj.slug, name=obj.name, language=obj.language)
            obj.pk, obj.created_at = made.pk, made.created_at
            obj._state.adding = False
        obj.save(update_fields=["name", "language", "active", "overrides"])


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key to be made. ``may_operate`` says whether it may be an operator's, which speaks for every tenant."""

    may_operate = False

    scopes = forms.MultipleChoiceField(
        choices=[
            (ApiKey.Scope.READ, "read: lists and searches"),
            (ApiKey.Scope.WRITE, "write: also stores, revises and forgets"),
            (ApiKey.Scope.OPERATOR, "operator: everything, for every tenant"),
        ],
        initial=[ApiKey.Scope.READ, ApiKey.Scope.WRITE],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def clean_scopes(self) -> list[str]:
        scopes: list[str] = self.cleaned_data["scopes"]
        if ApiKey.Scope.OPERATOR in scopes and not self.may_operate:
            raise ValidationError("Only superusers may make an operator's key.")
        return scopes

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise ValidationError("This is over already.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(TenantRows):
    """Keys of the chosen tenant. A key is made, shown once and revoked; it cannot be changed, and its row stays."""

    list_display = (
        "name",
        "shown_prefix",
        "scope_names",
        "standing",
        "last_used",
        "expires_at",
        "created_at",
    )
    list_filter_submit = False
    ordering = ("-created_at",)
    actions = ("revoke",)
    fields = ("name", "scopes", "expires_at")

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = ApiKeyForm
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.may_operate = request.user.is_superuser
        return form

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return self.fields
        return (
            ("name", "shown_prefix"),
            ("scope_names", "standing"),
            ("created_at", "expires_at"),
            ("last_used", "revoked_at"),
        )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("tenancy.change_apikey"))

    @display(description="Begins with")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="Scopes")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="State", label={"usable": "success", "expired": "warning", "revoked": "danger"})
    def standing(self, key: ApiKey) -> str:
        if key.usable:
            return "usable"
        return "revoked" if key.revoked_at else "expired"

    @display(description="Last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> str:
        return f"{key.last_used_at:%d %b %Y %H:%M}" if key.last_used_at else "never"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        said = form.cleaned_data
        key, secret = services.issue_key(
            tenant_of(request).id, name=said["name"], scopes=said["scopes"], expires_at=said["expires_at"]
        )
        obj.pk, obj.prefix = key.pk, key.prefix
        request.secret = secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page that shows the secret: the answer to the form itself, so that it is kept nowhere on the way."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Your new API key",
            "opts": self.opts,
            "key": obj,
        }
        context["secret"] = request.secret  # type: ignore[attr-defined]
        response = TemplateResponse(request, "admin/tenancy/apikey/secret.html", context)
        add_never_cache_headers(response)
        return response

    @action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Ask first: whoever uses the key is shut out at once, and there is no way back."""
        keys = list(queryset.filter(revoked_at=None))
        if not keys:
            messages.info(request, "These are revoked already.")
            return None
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": "Revoke keys",
                "opts": self.opts,
                "keys": keys,
            }
            return TemplateResponse(request, "admin/tenancy/apikey/revoke.html", context)
        for key in keys:
            try:
                services.revoke_key(tenant_of(request).id, key.pk)
            except NotFound:
                continue  # somebody else was quicker
            self.log_change(request, key, "Revoked.")
        messages.success(request, f"Revoked: {', '.join(map(str, keys))}.")
        return None


class MembershipInline(TabularInline):
    model = Tenant.members.through
    verbose_name, verbose_name_plural = "tenant", "Tenants whose rows this user may see"
    extra = 0
    tab = False


@admin.register(get_user_model())
class UserAdmin(DjangoUserAdmin, Superusers):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "in_groups", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        users: QuerySet[Any] = super().get_queryset(request)
        return users.prefetch_related("groups")

    @display(description="Groups")
    def in_groups(self, user: Any) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "–"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Superusers):
    pass
