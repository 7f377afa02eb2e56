import pytest

from memos_project.redis import client
from memos_project.tenancy.models import Tenant
from tests.factories import Api, make_key


@pytest.fixture
def limits(settings):
    def limits(*, tenant=1000, key=1000):
        settings.MEMOS_RATE_LIMIT_TENANT, settings.MEMOS_RATE_LIMIT_KEY = tenant, key

    return limits


def left(answer):
    return int(answer.headers["RateLimit-Limit"]), int(answer.headers["RateLimit-Remaining"])


def test_every_answer_says_what_is_left(api, limits):
    limits(key=10)
    assert [left(api.get("/v1/memories")) for _ in range(3)] == [(10, 9), (10, 8), (10, 7)]
    assert 0 < int(api.get("/v1/memories").headers["RateLimit-Reset"]) <= 60


def test_errors_count_and_say_it_too(api, limits):
    limits(key=10)
    assert left(api.post("/v1/memories", {})) == (10, 9)


def test_too_many_are_refused_until_the_window_ends(api, limits):
    limits(key=2)
    assert [api.get("/v1/memories").status for _ in range(4)] == [200, 200, 429, 429]
    refused = api.get("/v1/memories")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert left(refused) == (2, 0)


def test_the_tenants_limit_is_shared_by_its_keys(tenant, limits):
    limits(tenant=3)
    one, two = Api(make_key(tenant)), Api(make_key(tenant))
    assert [api.get("/v1/memories").status for api in (one, two, one, two)] == [200, 200, 200, 429]


def test_one_tenants_noise_is_not_anothers(api, other_api, limits):
    limits(tenant=1)
    assert [api.get("/v1/memories").status for _ in range(2)] == [200, 429]
    assert other_api.get("/v1/memories").status == 200


def test_a_tenant_may_have_limits_of_its_own(tenant, api, limits):
    limits(key=1)
    Tenant.objects.filter(pk=tenant.id).update(overrides={"rate_limit_key": 7})
    assert left(api.get("/v1/memories")) == (7, 6)


@pytest.mark.usefixtures("redis_down")
def test_without_redis_nothing_is_refused(api, limits):
    limits(key=1)
    answers = [api.get("/v1/memories") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert "RateLimit-Limit" not in answers[0].headers


def test_a_stranger_is_not_counted(tenant):
    before = client().dbsize()
    Api("mos_nobody").get("/v1/memories")
    assert client().dbsize() == before
