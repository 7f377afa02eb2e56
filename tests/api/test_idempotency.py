from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memories.models import Memory
from memos_project.db import tenant_scope
from memos_project.tenancy import idempotency
from memos_project.tenancy.models import IdempotentRequest
from tests.factories import Api

PATH = "/v1/memories"
KEY = {"Idempotency-Key": "k1"}


def count(tenant):
    with tenant_scope(tenant.id):
        return Memory.objects.count()


def test_the_same_request_is_answered_the_same_and_done_once(api, tenant):
    first = api.post(PATH, {"content": "One."}, headers=KEY)
    again = api.post(PATH, {"content": "One."}, headers=KEY)
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count(tenant) == 1


def test_a_batch_too(api, tenant):
    body = {"memories": [{"content": "One."}, {"content": ""}, {"content": "One."}]}
    first, again = (api.post(PATH, body, headers=KEY) for _ in range(2))
    assert again.body == first.body
    assert [each["status"] for each in again.body["results"]] == ["created", "error", "duplicate"]


def test_a_replay_may_still_wait(api, settings):
    settings.MEMOS_WAIT_SECONDS = 0.01
    first = api.post(PATH, {"content": "One."}, headers=KEY, wait="indexed")
    again = api.post(PATH, {"content": "One."}, headers=KEY, wait="indexed")
    assert (first.body, again.status) == (again.body, 201)


@pytest.mark.parametrize(
    ("path", "body", "params"),
    [
        (PATH, {"content": "Two."}, {}),
        ("/v1/messages", {"content": "One."}, {}),
        (PATH, {"content": "One."}, {"wait": "indexed"}),
    ],
    ids=["body", "path", "query"],
)
def test_another_request_with_the_key_is_a_conflict(api, tenant, path, body, params):
    api.post(PATH, {"content": "One."}, headers=KEY)
    answer = api.post(path, body, headers=KEY, **params)
    assert (answer.status, answer.fields) == (409, ["Idempotency-Key"])
    assert count(tenant) == 1


def test_what_was_refused_may_be_mended_under_the_key(api):
    assert api.post(PATH, {"content": ""}, headers=KEY).status == 400
    assert api.post(PATH, {"content": "One."}, headers=KEY).status == 201


def test_another_tenants_key_is_another(api, other_api):
    answers = [each.post(PATH, {"content": "One."}, headers=KEY) for each in (api, other_api)]
    assert [each.status for each in answers] == [201, 201]
    assert answers[0].body["id"] != answers[1].body["id"]


@pytest.mark.parametrize("value", ["", "x" * 201, "a\tb"], ids=["empty", "long", "tab"])
def test_a_key_that_cannot_be_one(api, tenant, value):
    answer = api.post(PATH, {"content": "One."}, headers={"Idempotency-Key": value})
    assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])
    assert count(tenant) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"content": "x"}),
        ("/v1/knowledge", {"content": "x"}),
        ("/memory/store", {"content": "x"}),
    ],
)
def test_every_store_knows_it(api, path, body):
    first, again = (api.post(path, body, headers=KEY) for _ in range(2))
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")


def test_old_keys_are_dropped(api, tenant):
    for name, age in (("old", 25), ("young", 23)):
        api.post(PATH, {"content": name}, headers={"Idempotency-Key": name})
        with tenant_scope(tenant.id):
            moment = timezone.now() - timedelta(hours=age)
            IdempotentRequest.objects.filter(key=name).update(created_at=moment)
    assert idempotency.drop_old() == 1
    with tenant_scope(tenant.id):
        assert IdempotentRequest.objects.get().key == "young"


@pytest.mark.django_db(transaction=True)
def test_fifty_requests_sent_five_times_in_parallel_make_fifty(key, tenant):
    def send(number):
        try:
            answer = Api(key).post(
                PATH, {"content": f"Said {number}."}, headers={"Idempotency-Key": f"k{number}"}
            )
            return number, answer.status, answer.body.get("id")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, [*range(50)] * 5))
    assert {status for _, status, _ in answers} == {201}
    assert len({(number, memory_id) for number, _, memory_id in answers}) == 50
    assert count(tenant) == 50
