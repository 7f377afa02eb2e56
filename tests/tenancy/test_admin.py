"""Tenants, members, keys and the tenant switch in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from memories.admin.memory import MemoryAdmin
from memos_project.db import tenant_scope
from memos_project.tenancy.callers import authenticate
from memos_project.tenancy.models import ApiKey, Tenant

KEYS = "/admin/tenancy/apikey/"
SAID = {"name": "Mill", "slug": "mill", "language": "german", "active": "on", "overrides": "{}"}


@pytest.fixture
def root(tenant):
    """A superuser who works in our tenant."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    client.post("/admin/tenant/", {"tenant": str(tenant.id)})
    return client


@pytest.fixture
def staff(tenant):
    """A viewer who belongs to no tenant."""
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


class TestSwitch:
    def test_lists_only_the_user_s_tenants(self, staff, tenant, other_tenant):
        Tenant.objects.get(pk=tenant.id).members.add(staff.user)
        body = staff.get("/admin/").content.decode()
        assert tenant.slug in body
        assert other_tenant.slug not in body

    def test_chooses(self, staff, tenant, other_tenant, remember):
        remember("Ours.")
        remember("Theirs.", of=other_tenant)
        for each in (tenant, other_tenant):
            Tenant.objects.get(pk=each.id).members.add(staff.user)
        for each, seen, unseen in ((tenant, "Ours.", "Theirs."), (other_tenant, "Theirs.", "Ours.")):
            staff.post("/admin/tenant/", {"tenant": str(each.id)})
            body = staff.get("/admin/memories/memory/").content.decode()
            assert seen in body
            assert unseen not in body

    @pytest.mark.parametrize("wanted", ["other", "", "x"])
    def test_refuses_any_other(self, staff, tenant, other_tenant, wanted):
        Tenant.objects.get(pk=tenant.id).members.add(staff.user)
        wanted = str(other_tenant.id) if wanted == "other" else wanted
        assert staff.post("/admin/tenant/", {"tenant": wanted}).status_code == 400

    def test_is_by_post_alone(self, root):
        assert root.get("/admin/tenant/").status_code == 405

    def test_forgets_a_tenant_that_was_left(self, staff, tenant, other_tenant):
        for each in (tenant, other_tenant):
            Tenant.objects.get(pk=each.id).members.add(staff.user)
        staff.post("/admin/tenant/", {"tenant": str(other_tenant.id)})
        Tenant.objects.get(pk=other_tenant.id).members.remove(staff.user)
        assert other_tenant.slug not in staff.get("/admin/").content.decode()

    @pytest.mark.parametrize(
        "path", ["/admin/", "/admin/memories/memory/", "/admin/memories/memory/meaning/?q=tea"]
    )
    def test_staff_without_a_tenant_are_told(self, staff, remember, path):
        remember("Ours: tea.")
        answer = staff.get(path)
        assert answer.status_code == 200
        assert "You belong to no tenant yet" in answer.content.decode()
        assert "Ours" not in answer.content.decode()

    def test_staff_without_a_tenant_may_leave(self, staff):
        assert staff.get("/admin/password_change/").status_code == 200
        assert staff.post("/admin/logout/").status_code in (200, 302)

    def test_superuser_without_any_tenant_can_make_one(self, root):
        Tenant.objects.update(active=False)
        assert "There is no active tenant" in root.get("/admin/").content.decode()
        assert root.get("/admin/memories/memory/").status_code == 403
        assert root.get("/admin/tenancy/tenant/add/").status_code == 200


def test_strangers_are_sent_to_the_door(tenant):
    for path in (
        "/admin/",
        "/admin/memories/memory/",
        "/admin/memories/memory/meaning/",
        "/admin/services/",
        "/admin/tenant/",
    ):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer.url.startswith("/admin/login/")


def test_login_leads_to_the_first_page(tenant):
    get_user_model().objects.create_superuser("root", password="a-long-password")
    answer = Client().post("/admin/login/", {"username": "root", "password": "a-long-password"})
    assert answer.url == "/admin/"


class TestTenants:
    def test_are_made(self, root):
        overrides = '{"ranking": {"half_life_days": 90}, "rate_limit_key": 10}'
        answer = root.post("/admin/tenancy/tenant/add/", SAID | {"overrides": overrides})
        assert answer.status_code == 302
        made = Tenant.objects.get(slug="mill")
        assert (made.name, made.language, made.active) == ("Mill", "german", True)
        assert made.overrides == {"ranking": {"half_life_days": 90}, "rate_limit_key": 10}

    def test_are_changed_and_get_members(self, root, tenant, staff):
        said = {"name": "New name", "language": "english", "overrides": "{}", "members": [staff.user.pk]}
        assert root.post(reverse("admin:tenancy_tenant_change", args=[tenant.id]), said).status_code == 302
        changed = Tenant.objects.get(pk=tenant.id)
        assert (changed.name, changed.slug, changed.active) == ("New name", tenant.slug, False)
        assert list(changed.members.all()) == [staff.user]

    @pytest.mark.parametrize(
        ("overrides", "said"),
        [
            ("[]", "An object"),
            ('{"rankng": {}}', "Unknown: rankng"),
            ('{"ranking": 3}', "ranking: an object"),
            ('{"ranking": {"half_life": 3}}', "ranking.half_life"),
            ('{"ranking": {"half_life_days": "long"}}', "ranking.half_life_days"),
            ('{"ranking": {"first_short": {"dense": "x"}}}', "ranking.first_short.dense"),
            ('{"rate_limit_key": 0}', "rate_limit_key"),
            ('{"rate_limit_tenant": true}', "rate_limit_tenant"),
        ],
    )
    def test_overrides_must_be_usable(self, root, overrides, said):
        answer = root.post("/admin/tenancy/tenant/add/", SAID | {"overrides": overrides})
        assert said in str(answer.context["errors"])
        assert not Tenant.objects.filter(slug="mill").exists()

    @pytest.mark.parametrize("slug", ["", "Mill", "-mill", "a b", "x" * 64])
    def test_slug_must_be_one(self, root, slug):
        assert root.post("/admin/tenancy/tenant/add/", SAID | {"slug": slug}).context["errors"]

    def test_slug_is_taken_once(self, root, tenant):
        assert root.post("/admin/tenancy/tenant/add/", SAID | {"slug": tenant.slug}).context["errors"]

    def test_are_not_deleted(self, root, tenant):
        assert (
            root.post(reverse("admin:tenancy_tenant_delete", args=[tenant.id]), {"post": "yes"}).status_code
            == 403
        )


class TestKeys:
    def test_secret_is_shown_once(self, root, tenant):
        answer = root.post(KEYS + "add/", {"name": "agent", "scopes": ["read", "write"]})
        assert "no-store" in answer["Cache-Control"]
        [secret] = set(re.findall(r"mos_[\w-]{30,}", answer.content.decode()))
        caller = authenticate(secret)
        assert (caller.tenant.id, caller.scopes) == (tenant.id, {"read", "write"})
        assert secret not in root.get(KEYS).content.decode()
        with tenant_scope(tenant.id):
            key = ApiKey.objects.get(name="agent")
        assert secret not in root.get(f"{KEYS}{key.pk}/change/").content.decode()
        assert secret not in str(dict(root.session))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"scopes": []},
            {"scopes": ["root"]},
            {"expires_at_0": "2020-01-01", "expires_at_1": "00:00"},
        ],
    )
    def test_refuses(self, root, tenant, wrong):
        answer = root.post(KEYS + "add/", {"name": "agent", "scopes": ["read"]} | wrong)
        assert answer.context["errors"]
        with tenant_scope(tenant.id):
            assert not ApiKey.objects.exists()

    def test_are_revoked_when_confirmed(self, root, tenant, key):
        with tenant_scope(tenant.id):
            wanted = str(ApiKey.objects.get().pk)
        chosen = {"action": "revoke", "_selected_action": [wanted]}
        assert "There is no way back" in root.post(KEYS, chosen).content.decode()
        assert authenticate(key)
        root.post(KEYS, chosen | {"confirmed": "1"})
        assert authenticate(key) is None
        assert "revoked" in root.get(KEYS).content.decode()

    def test_other_tenant_s_are_not_there(self, root, other_tenant, other_key):
        with tenant_scope(other_tenant.id):
            theirs = ApiKey.objects.get().pk
        assert str(theirs) not in root.get(KEYS).content.decode()
        assert root.get(f"{KEYS}{theirs}/change/").status_code == 302
        root.post(KEYS, {"action": "revoke", "_selected_action": [str(theirs)], "confirmed": "1"})
        assert authenticate(other_key)

    def test_operators_are_made_by_superusers_alone(self, staff, tenant):
        Tenant.objects.get(pk=tenant.id).members.add(staff.user)
        staff.user.user_permissions.add(
            Permission.objects.get(codename="add_apikey"), Permission.objects.get(codename="view_apikey")
        )
        assert staff.post(KEYS + "add/", {"name": "agent", "scopes": ["operator"]}).context["errors"]
        assert "mos_" in staff.post(KEYS + "add/", {"name": "agent", "scopes": ["read"]}).content.decode()

    def test_an_expired_one_says_so(self, root, tenant, key):
        with tenant_scope(tenant.id):
            ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=1))
        assert "expired" in root.get(KEYS).content.decode()


@pytest.mark.parametrize(
    "name", ["auth_user", "auth_group", "django_celery_beat_periodictask", "tenancy_tenant"]
)
def test_superusers_see_the_rest(root, name):
    assert root.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_a_user_page_shows_their_tenants(root, staff, tenant):
    Tenant.objects.get(pk=tenant.id).members.add(staff.user)
    assert (
        "Tenants whose rows this user may see"
        in root.get(reverse("admin:auth_user_change", args=[staff.user.pk])).content.decode()
    )


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_of_a_page_that_fails(root, tenant, monkeypatch):
    def fail(self, request):
        Tenant.objects.filter(pk=tenant.id).update(name="half done")
        raise RuntimeError

    monkeypatch.setattr(MemoryAdmin, "get_queryset", fail)
    root.raise_request_exception = False
    assert root.get("/admin/memories/memory/").status_code == 500
    assert Tenant.objects.get(pk=tenant.id).name != "half done"
    assert not connection.in_atomic_block
