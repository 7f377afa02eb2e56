from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from memos_project.tenancy.callers import authenticate, digest_of, find_tenant, key_changed
from memos_project.tenancy.models import ApiKey, Tenant
from memos_project.tenancy.services import bootstrap, create_tenant, issue_key, revoke_key
from tests.factories import Api, make_key, make_tenant


def test_a_key_opens_its_tenant(tenant, key):
    caller = authenticate(key)
    assert (caller.tenant, caller.scopes, caller.key_name) == (tenant, {"read", "write"}, "test")


def test_only_a_digest_is_kept(tenant, key):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(k)::text FROM tenancy_apikey k")
        rows = [row for (row,) in cursor.fetchall()]
    assert len(rows) == 1
    assert key not in rows[0]
    assert key[8:] not in rows[0]


@pytest.mark.parametrize("secret", ["", "mos_unknown", "mos_\udc80", "x" * 10_000, "\x00"])
def test_an_unknown_secret_opens_nothing(tenant, secret):
    assert authenticate(secret) is None


def test_looking_a_key_up_leaves_no_other_key_in_sight(tenant, other_tenant, key, other_key):
    authenticate(key)
    assert ApiKey.objects.count() == 0
    with tenant_scope(other_tenant.id):
        authenticate(key)
        assert [each.tenant_id for each in ApiKey.objects.all()] == [other_tenant.id]


class TestExpiry:
    def test_an_expired_key_opens_nothing(self, tenant):
        assert authenticate(make_key(tenant, expires_at=timezone.now() - timedelta(seconds=1))) is None

    def test_until_then_it_opens(self, tenant):
        assert authenticate(make_key(tenant, expires_at=timezone.now() + timedelta(minutes=1)))

    def test_a_revoked_key_opens_nothing(self, tenant):
        made, secret = issue_key(tenant.id, name="k", scopes=["read"])
        revoke_key(tenant.id, made.pk)
        assert authenticate(secret) is None

    def test_it_cannot_be_revoked_twice(self, tenant):
        made, _ = issue_key(tenant.id, name="k", scopes=["read"])
        revoke_key(tenant.id, made.pk)
        with pytest.raises(NotFound):
            revoke_key(tenant.id, made.pk)

    def test_nor_by_another_tenant(self, tenant, other_tenant):
        made, secret = issue_key(tenant.id, name="k", scopes=["read"])
        with pytest.raises(NotFound):
            revoke_key(other_tenant.id, made.pk)
        assert authenticate(secret)

    def test_a_tenant_switched_off_opens_nothing(self, tenant, key):
        Tenant.objects.filter(pk=tenant.id).update(active=False)
        assert authenticate(key) is None


class TestLastUse:
    def _last_used(self, tenant):
        with tenant_scope(tenant.id):
            return ApiKey.objects.get().last_used_at

    def test_it_is_noted(self, tenant, key):
        assert self._last_used(tenant) is None
        authenticate(key)
        assert timezone.now() - self._last_used(tenant) < timedelta(seconds=30)

    def test_at_most_once_a_minute(self, tenant, key):
        recently = timezone.now() - timedelta(seconds=40)
        for moment, expected in ((recently, True), (recently - timedelta(minutes=1), False)):
            with tenant_scope(tenant.id):
                ApiKey.objects.update(last_used_at=moment)
            key_changed(digest_of(key))  # for half a minute nobody asks the database
            authenticate(key)
            assert (self._last_used(tenant) == moment) is expected


class TestScopes:
    @pytest.mark.parametrize(
        ("scopes", "statuses"),
        [
            (["read"], (200, 403, 200, 403)),
            (["write"], (200, 201, 200, 403)),
            (["read", "write"], (200, 201, 200, 403)),
            (["operator"], (200, 201, 200, 200)),
        ],
    )
    def test_they_decide_what_a_key_may(self, tenant, scopes, statuses):
        api = Api(make_key(tenant, *scopes))
        answers = (
            api.get("/v1/memories"),
            api.post("/v1/memories", {"content": "x"}),
            api.post("/v1/memories/search", {"query": "x"}),
            api.get("/v1/admin/health"),
        )
        assert tuple(answer.status for answer in answers) == statuses

    @pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "everything"]])
    def test_there_are_three(self, tenant, scopes):
        with pytest.raises(InvalidInput) as caught:
            issue_key(tenant.id, name="k", scopes=scopes)
        assert caught.value.field == "scopes"


class TestOverHttp:
    @pytest.mark.parametrize(
        ("header", "form"),
        [("x-api-key", "{}"), ("authorization", "Bearer {}"), ("authorization", "bearer  {} ")],
    )
    def test_either_header_carries_a_key(self, key, header, form):
        assert Api().get("/v1/memories", headers={header: form.format(key)}).status == 200

    @pytest.mark.parametrize(
        "headers",
        [{}, {"x-api-key": "mos_no"}, {"authorization": "Bearer mos_no"}, {"authorization": "Basic YTpi"}, {"x-api-key": ""},
         {"authorization": "Bearer"}, {"x-api-key": "k\xfc"}],
    )  # fmt: skip
    def test_no_good_key_is_a_401(self, tenant, headers):
        answer = Api().get("/v1/memories", headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_a_key_may_name_its_own_tenant(self, tenant, api):
        for name in (tenant.slug, str(tenant.id)):
            assert api.get("/v1/memories", tenant_id=name).status == 200
            assert api.post("/v1/memories", {"content": name, "tenant_id": name}).status == 201

    def test_and_no_other(self, other_tenant, api):
        for name in (other_tenant.slug, str(other_tenant.id), "nobody"):
            for answer in (
                api.get("/v1/memories", tenant_id=name),
                api.post("/v1/memories", {"content": "x", "tenant_id": name}),
                api.post("/v1/memories", {"tenant_id": name, "memories": [{"content": "x"}]}),
                api.post("/v1/memories/search", {"query": "x", "tenant_id": name}),
                api.post("/v1/memories/search", {"query": "x"}, tenant_id=name),
            ):
                assert (answer.status, answer.fields) == (403, ["tenant_id"])

    def test_an_operator_may_name_any(self, other_tenant, operator_api, remember):
        remember("theirs", of=other_tenant)
        for name in (other_tenant.slug, str(other_tenant.id)):
            answer = operator_api.get("/v1/memories", tenant_id=name)
            assert [each["content"] for each in answer.body["results"]] == ["theirs"]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/v1/working/tenant/k", {"value": 1}),
            ("POST", "/v1/working/tenant/l/append", {"value": 1}),
            ("POST", "/v1/scratchpads/s/entries", {"part": "observations", "content": "x"}),
            ("POST", "/v1/blackboards/b/agents", {"agent": "a"}),
            ("POST", "/v1/memories", {"content": "x"}),
        ],
    )
    def test_in_the_body_too(self, tenant, other_tenant, api, operator_api, method, path, body):
        named = {**body, "tenant_id": other_tenant.slug}
        assert operator_api.send(method, path, named).status in (200, 201)
        assert (answer := api.send(method, path, named)).status == 403
        assert answer.fields == ["tenant_id"]
        assert operator_api.send(method, path, {**body, "tenant_id": 7}).status == 400
        assert operator_api.send(method, path, named, params={"tenant_id": tenant.slug}).status == 400
        if method == "PUT":
            assert operator_api.get(path).status == 404
            assert operator_api.get(path, tenant_id=other_tenant.slug).status == 200
            assert operator_api.send("PUT", path, body).status == 200
            assert operator_api.send("DELETE", path, {"tenant_id": other_tenant.slug}).status == 204
            assert operator_api.get(path).status == 200

    @pytest.mark.parametrize("name", ["nobody", "019aa4a0-0000-7000-8000-000000000000"])
    def test_but_one_that_exists(self, operator_api, name):
        answer = operator_api.get("/v1/memories", tenant_id=name)
        assert (answer.status, answer.fields) == (404, ["tenant_id"])


class TestTenants:
    def test_a_slug_is_unique(self, tenant):
        with pytest.raises(Conflict) as caught:
            create_tenant(slug=tenant.slug)
        assert caught.value.field == "slug"

    def test_they_are_found_by_slug_and_id(self, tenant):
        assert find_tenant(tenant.slug) == find_tenant(str(tenant.id)) == tenant

    def test_one_that_is_off_is_not_found(self, tenant):
        Tenant.objects.filter(pk=tenant.id).update(active=False)
        with pytest.raises(NotFound):
            find_tenant(tenant.slug)

    @pytest.mark.parametrize("reference", ["nobody", "\x00", "a\x00b"])
    def test_one_that_is_not_there(self, db, reference):
        with pytest.raises(NotFound):
            find_tenant(reference)

    def test_its_overrides_are_kept(self, tenant):
        overrides = {"ranking": {"reach": 2}}
        Tenant.objects.filter(pk=tenant.id).update(overrides=overrides)
        for reference in (tenant.slug, str(tenant.id)):
            assert find_tenant(reference).overrides == overrides

    def test_a_language_is_kept(self, tenant):
        assert find_tenant(make_tenant(language="german").slug).language == "german"


@pytest.mark.django_db
class TestBootstrap:
    def test_the_first_start_makes_everything_and_tells_the_secrets(self):
        made = bootstrap(api_key=None, admin_password=None)
        caller = authenticate(made.api_key)
        assert (caller.tenant.slug, caller.is_operator) == ("default", True)
        assert made.admin_password

    def test_the_second_makes_nothing(self):
        first = bootstrap(api_key=None, admin_password=None)
        second = bootstrap(api_key=None, admin_password=None)
        assert (second.api_key, second.admin_password) == (None, None)
        assert authenticate(first.api_key)

    def test_a_key_that_is_given_replaces_the_former(self):
        first = bootstrap(api_key="mos_first_key", admin_password="first-password")
        assert (first.api_key, first.admin_password) == ("mos_first_key", "first-password")
        bootstrap(api_key="mos_second_key", admin_password=None)
        assert authenticate("mos_first_key") is None
        assert authenticate("mos_second_key").is_operator

    def test_a_former_key_may_be_given_again(self):
        for key in ("mos_first_key", "mos_second_key", "mos_first_key"):
            bootstrap(api_key=key, admin_password=None)
            assert authenticate(key).is_operator
        assert authenticate("mos_second_key") is None

    def test_a_key_that_was_revoked_by_hand_too(self):
        first = bootstrap(api_key="mos_first_key", admin_password=None)
        caller = authenticate(first.api_key)
        revoke_key(caller.tenant.id, caller.key_id)
        bootstrap(api_key="mos_first_key", admin_password=None)
        assert authenticate("mos_first_key").is_operator

    def test_a_key_of_another_name_that_is_given_is_replaced_like_any_other(self):
        first = bootstrap(api_key=None, admin_password=None)
        tenant = authenticate(first.api_key).tenant
        secret = issue_key(tenant.id, name="ci", scopes=["read"])[1]
        bootstrap(api_key=secret, admin_password=None)
        assert authenticate(secret).is_operator
        bootstrap(api_key="mos_third_key", admin_password=None)
        assert authenticate(secret) is None

    def test_another_tenants_key_is_refused_and_the_present_one_stays(self, tenant, key):
        first = bootstrap(api_key=None, admin_password=None)
        with pytest.raises(Conflict):
            bootstrap(api_key=key, admin_password=None)
        assert authenticate(key).tenant == tenant
        assert authenticate(first.api_key).is_operator
