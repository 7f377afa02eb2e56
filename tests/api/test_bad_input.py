"""Whatever is sent: a 4xx in the one error shape that names the field, and nothing written."""

from urllib.parse import quote, unquote_to_bytes
from wsgiref.util import setup_testing_defaults

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memories.models import Conversation, IndexJob, Memory
from memos_project.db import tenant_scope
from memos_project.wsgi import application
from tests.factories import Answer

STORES = ("/v1/memories", "/v1/messages", "/v1/knowledge")
WITH_A_BODY = (*STORES, "/v1/memories/search", "/memory/store", "/memory/tier/3/store", "/memory/query")
UNKNOWN = "019aa4a0-0000-7000-8000-000000000000"


def deep(levels):
    value = "x"
    for _ in range(levels):
        value = {"k": value}
    return value


def refused(answer, *fields, status=(400,)):
    assert answer.status in status, (answer.status, answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= answer.body.keys()
    assert answer.body["status"] == answer.status
    assert answer.body["detail"]
    if fields:
        assert {*answer.fields} == {*fields}, answer.body
    return True


@pytest.fixture(autouse=True)
def _nothing_is_written(tenant):
    yield
    with tenant_scope(tenant.id):
        assert [model.objects.count() for model in (Memory, Conversation, IndexJob)] == [0, 0, 0]


WRONG = {
    "content": [None, 1, True, [], {}, "", "  \n", "x" * 200_001, "a\x00b"],
    "user_id": [None, 1, [], "x" * 201, "\x00"],
    "agent_id": [None, 7, "x" * 201, "\x00"],
    "conversation_id": [None, {}, "x" * 201, "a\x00"],
    "role": [None, "owner", 1, "", ["user"]],
    "speaker": [None, 1, "x" * 201],
    "title": [None, 1, "x" * 501, "\x00"],
    "category": [None, 1, "x" * 201],
    "external_id": [1, "", "x" * 201, "a\x00", []],
    "tags": [None, "red", {}, [1], [None], [[]], ["x" * 101], ["\x00"], [str(n) for n in range(101)], ["a"] * 101, [""]],
    "metadata": [None, [], "x", 1, {"a": "\x00"}, {"a\x00": 1}, deep(17), {"k": "x" * 66_000}],
    "importance": [-0.01, 1.01, "high", "0.5", True, [], 1e999],
    "occurred_at": ["yesterday", 1, "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
                    "0001-01-01T00:00:00+14:00", "", True],
    "valid_from": ["no", 5],
    "valid_to": ["no", 5],
    "expires_at": ["no", {}],
    "pinned": [None, 1, "true", []],
    "kind": [None, "thought", 1, ""],
    "tier": [None, 1, 4, "two", "2", 2.5, True],
    "tenant_id": [1, [], {}],
}  # fmt: skip
IN_KNOWLEDGE = {"content", "category", "title", "tags", "metadata", "importance", "tenant_id"}
IN_MESSAGES = {*WRONG} - {"kind", "tier"}
CASES = [(path, field, number) for path, known in zip(STORES, ({*WRONG}, IN_MESSAGES, IN_KNOWLEDGE), strict=True)
         for field in sorted(known) for number in range(len(WRONG[field]))]  # fmt: skip


class TestStores:
    @pytest.mark.parametrize(("path", "field", "number"), CASES)
    def test_a_wrong_value_is_named(self, api, path, field, number):
        value = WRONG[field][number]
        if value == 1e999:
            body = b'{"content": "x", "importance": 1e999}'
            assert refused(api.send("POST", path, body))
            return
        answer = api.post(path, {"content": "x", field: value})
        assert refused(answer)
        assert answer.fields
        assert all(each.split(".")[0] == field for each in answer.fields)

    @pytest.mark.parametrize("field", sorted(WRONG))
    def test_and_in_a_batch_the_item_says_so(self, api, field):
        values = [value for value in WRONG[field] if value != 1e999]
        results = api.post(
            "/v1/memories", {"memories": [{"content": "x", field: value} for value in values]}
        ).body["results"]
        assert {each["status"] for each in results} == {"error"}
        assert all(each["error"].startswith(field) for each in results)

    @pytest.mark.parametrize("path", STORES)
    def test_content_must_be_there(self, api, path):
        assert refused(api.post(path, {}), "content")
        assert refused(api.post(path, {"Content": "x"}), "content")

    @pytest.mark.parametrize("path", WITH_A_BODY)
    @pytest.mark.parametrize("body", [[], "x", 1, None, True], ids=str)
    def test_the_body_must_be_an_object(self, api, path, body):
        answer = api.send("POST", path, orjson.dumps(body))
        assert refused(answer, "body")
        assert answer.body["detail"].startswith("body: Must be an object")

    @pytest.mark.parametrize("path", WITH_A_BODY)
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b'{"content": "x"', b"{'content': 'x'}", b'{"content": NaN}', b'{"content": "x",}', b"\xff\xfe", b'{"content": "\xc3"}',
         b'{"content": "\\ud800"}', b'{"content": "\\ud800", "query": "\\udfff"}', b'{"content": "a\nb"}', b"\x00"],
        ids=range(12),
    )  # fmt: skip
    def test_what_is_not_json(self, api, path, body):
        assert refused(api.send("POST", path, body))

    def test_json_nested_beyond_reason(self, api):
        assert refused(
            api.send(
                "POST",
                "/v1/memories",
                b'{"content": "x", "metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
            )
        )

    @pytest.mark.parametrize("path", STORES)
    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
        ],
    )
    def test_another_content_type_is_a_415(self, api, path, content_type):
        answer = api.send("POST", path, b'{"content": "x"}', content_type=content_type)
        assert refused(answer, status=(415,))

    def test_numbers_too_large_for_a_column(self, api):
        assert refused(api.post("/v1/memories", {"content": "x", "tier": 10**18}), "tier")

    def test_a_request_too_large_is_a_413(self, api, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        assert refused(api.post("/v1/memories", {"content": "x" * 2000}), status=(413,))

    @pytest.mark.parametrize(
        "many",
        [[], None, {}, "x", 1, [{"content": str(n)} for n in range(1001)]],
        ids=["empty", "null", "object", "text", "number", "1001"],
    )
    @pytest.mark.parametrize(("path", "plural"), [("/v1/memories", "memories"), ("/v1/messages", "messages")])
    def test_a_batch_is_a_list_of_1_to_1000(self, api, path, plural, many):
        assert refused(api.post(path, {plural: many}), plural)

    @pytest.mark.parametrize(("path", "plural"), [("/v1/memories", "memories"), ("/v1/messages", "messages")])
    def test_an_item_that_is_no_object_is_named(self, api, path, plural):
        results = api.post(path, {plural: [5, None, "x", []]}).body["results"]
        assert [each["error"] for each in results] == [f"{plural}.{n}: Must be an object." for n in range(4)]

    @pytest.mark.parametrize("wait", ["yes", "INDEXED", "\x00"])
    def test_wait(self, api, wait):
        assert refused(api.post("/v1/memories", {"content": "x"}, wait=wait), "wait")

    def test_doc_ids(self, api):
        for value in (1, "", "x" * 201, "\x00", []):
            assert refused(api.post("/v1/knowledge", {"content": "x", "doc_id": value}), "doc_id")


class TestSearch:
    BAD = {
        "query": [None, "", " ", 1, "\x00", "x" * 200_001, []],
        "top_k": [0, -1, 10**12, 201, "5", 1.5, True, None, []],
        "mode": ["", "fuzzy", 1, None],
        "fusion": ["sum", 1],
        "weights": [None, [], "x", 1],
        "rerank": [1, "yes", None],
        "threshold": [-0.1, 1.1, "x", True],
        "token_budget": [0, -1, 10**12, "x"],
        "context": [-1, 21, "1", True],
        "explain": [1, "true", None],
        "user_id": [1, "x" * 201, "\x00", None],
        "agent_id": [1, "\x00"],
        "conversation_id": [1, "", "\x00"],
        "kind": ["fact", ["thought"], [1], None],
        "tier": [3, [1], ["x"], ["2"], None],
        "tags": ["x", [1], ["\x00"], None],
        "since": ["x", 1, None],
        "until": ["x", 1, None],
        "metadata": ["x", [], {"a": "\x00"}, deep(17), None],
        "tenant_id": [1],
    }
    CASES = [(field, number) for field, values in BAD.items() for number in range(len(values))]

    @pytest.mark.parametrize(("field", "number"), CASES)
    def test_a_wrong_value_is_named(self, api, field, number):
        answer = api.post("/v1/memories/search", {"query": "x", field: self.BAD[field][number]})
        assert refused(answer)
        assert answer.fields
        assert all(each.split(".")[0] == field for each in answer.fields)

    @pytest.mark.parametrize("weight", ["similarity", "importance", "recency", "strength"])
    def test_weights_are_numbers(self, api, weight):
        for value in (-1, "x", True, None, 1001):
            assert refused(
                api.post("/v1/memories/search", {"query": "x", "weights": {weight: value}}),
                f"weights.{weight}",
            )

    def test_query_and_top_k_at_the_promised_paths(self, api):
        assert refused(api.post("/memory/query", {"query": "x", "top_k": -1}), "top_k")
        assert refused(api.post("/memory/query", {}), "query")
        assert refused(api.get("/v1/memory/search"), "query")
        assert refused(api.get("/v1/memory/search", query="x", top_k="many"), "top_k")
        assert refused(api.get("/v1/memory/search", query="x", conversation_id="\x00"), "conversation_id")


# An empty parameter is one that is not given, but for those where to have none is a filter.
QUERIES = {
    "limit": ["0", "-1", "1001", "x", "1.5", "9" * 30, "\x00"],
    "cursor": ["x", "AAAA", "!" * 22, "A" * 101, "\x00", "🙂"],
    "kind": ["thought", "fact,thought", "\x00"],
    "tier": ["1", "x", "3,x"],
    "tags": ["x" * 101, "\x00", "a,,b"],
    "since": ["yesterday", "2026-13-01T00:00:00Z", "\x00", "99999999999999999999"],
    "until": ["yesterday", "-1"],
    "metadata": ["x", "[1]", "{", "1", '{"a": "\\u0000"}', "\x00", ""],
    "user_id": ["x" * 201, "\x00"],
    "agent_id": ["x" * 201, "\x00"],
    "conversation_id": ["x" * 201, "\x00"],
    "tenant_id": ["x" * 64, "\x00"],
}
OF_LISTS = [
    (path, field, number)
    for path in STORES
    for field, values in QUERIES.items()
    for number in range(len(values))
]
OF_CONVERSATIONS = [
    ("/v1/conversations", field, number)
    for field in ("limit", "cursor", "user_id")
    for number in range(len(QUERIES[field]))
]


class TestLists:
    @pytest.mark.parametrize(("path", "field", "number"), [*OF_LISTS, *OF_CONVERSATIONS])
    def test_a_wrong_parameter_is_named(self, api, path, field, number):
        answer = api.get(path, **{field: QUERIES[field][number]})
        assert refused(answer, status=(400, 403))
        assert all(each.split(".")[0] == field for each in answer.fields)
        assert answer.fields

    @pytest.mark.parametrize("field", ["limit", "cursor", "tenant_id"])
    def test_of_a_conversations_messages_too(self, api, field):
        for value in QUERIES[field]:
            answer = api.get("/v1/conversations/c/messages", **{field: value})
            assert refused(answer, field, status=(400, 403))

    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("/v1/memories", "limit"),
            ("/v1/memories", "tenant_id"),
            ("/v1/conversations", "user_id"),
            ("/v1/conversations/c", "user_id"),
            ("/v1/doubts", "limit"),
            ("/v1/entities", "name"),
        ],
    )
    def test_what_is_given_more_than_once(self, api, path, field):
        assert refused(api.get(f"{path}?{field}=1&{field}=2"), field)

    @pytest.mark.parametrize("undecodable", ["%ff", "%ED%A0%80", "%C3", "a%80b"])
    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("/v1/memories/search", "query"),
            ("/v1/memory/search", "query"),
            ("/v1/memories", "user_id"),
            ("/v1/conversations", "user_id"),
            ("/v1/entities", "name"),
            ("/v1/working/tenant", "cursor"),
        ],
    )
    def test_what_is_not_utf_8(self, api, path, field, undecodable):
        assert refused(api.get(f"{path}?{field}={undecodable}"), field)

    def test_a_name_that_is_not_utf_8(self, api):
        assert refused(api.get("/v1/memories?limit=1&a%ffb=1"), "a?b")

    def test_a_replacement_character_that_was_meant(self, api):
        assert api.get("/v1/memories/search?query=%EF%BF%BD").status == 200

    def test_only_a_list_may_be_given_in_parts(self, api):
        assert api.get("/v1/memories?kind=fact&kind=code&tag=a&tag=b&limit=1").status == 200


def through_wsgi(path):
    """What a web server gets, which hands over the bytes of a path."""
    environ = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1")}
    setup_testing_defaults(environ)
    begun = []
    body = b"".join(application(environ, lambda *said: begun.append(said)))
    [(status, headers)] = begun
    return Answer(int(status.split()[0]), orjson.loads(body), dict(headers))


class TestPaths:
    @pytest.mark.parametrize(
        "memory_id", ["x", "1", UNKNOWN[:-1], UNKNOWN + "0", "%00", "..", "%F0%9F%99%82"]
    )
    @pytest.mark.parametrize("rest", ["", "/versions", "/receipt"])
    def test_an_id_that_is_none(self, api, memory_id, rest):
        assert refused(api.get(f"/v1/memories/{memory_id}{rest}"), status=(404,))

    def test_a_conversation_that_cannot_be(self, api):
        for name in ("%00", "x" * 300, "%ED%A0%80", "%FF"):
            assert refused(api.get(f"/v1/conversations/{name}"), status=(400, 404))
            assert refused(api.get(f"/v1/conversations/{name}/messages"), status=(400, 404))

    @pytest.mark.parametrize("name", ["%FD", "%ED%A0%80", "a%C3"])
    def test_bytes_that_are_not_utf_8_are_not_how_they_are_written(self, api, name):
        written = f"/v1/working/tenant/{quote(name)}"
        assert api.send("PUT", written, {"value": 1}).status == 200
        assert api.get(written).body["key"] == name
        assert refused(through_wsgi(f"/v1/working/tenant/{name}"))

    def test_a_method_that_is_not_there(self, api):
        for method, path in (
            ("PUT", "/v1/memories"),
            ("DELETE", "/v1/messages"),
            ("POST", f"/v1/memories/{UNKNOWN}"),
            ("PATCH", "/memory/query"),
        ):
            assert refused(api.send(method, path, {}), status=(405,))

    def test_an_address_that_is_not_there(self, api):
        for path in ("/v1/nothing", "/v1/memories/", "/memory", "/v1/memories//versions"):
            assert refused(api.get(path), status=(404,))

    def test_an_answer_of_another_type_is_not_to_be_had(self, api):
        assert refused(api.get("/v1/memories", headers={"Accept": "text/csv"}), status=(406,))

    def test_garbage_in_the_query_string(self, api):
        for garbage in (
            "?%00=%ff",
            "?limit=%ff",
            "?a=" + "b" * 5000,
            "?kind[]=fact&&&==",
            "?limit=1&limit=x",
            "?%",
        ):
            answer = api.send("GET", f"/v1/memories{garbage}")
            assert answer.status in (200, 400), garbage


class TestRevisions:
    def test_a_wrong_value_is_named(self, api, tenant):
        memory_id = api.post("/v1/memories", {"content": "x"}).body["id"]
        for field, values in WRONG.items():
            if field in (
                "user_id",
                "agent_id",
                "conversation_id",
                "role",
                "external_id",
                "kind",
                "tier",
                "tenant_id",
            ):
                continue
            for value in values:
                if value != 1e999:
                    answer = api.patch(f"/v1/memories/{memory_id}", {field: value})
                    assert refused(answer)
                    assert all(each.split(".")[0] == field for each in answer.fields)
        assert refused(api.send("PATCH", f"/v1/memories/{memory_id}", b"{"))
        for body in (b"[]", b"null", b'"x"'):
            assert refused(api.send("PATCH", f"/v1/memories/{memory_id}", body), "body")
        assert api.get(f"/v1/memories/{memory_id}").body["version"] == 1
        with tenant_scope(tenant.id):
            Memory.objects.all()._raw_delete("default")
            IndexJob.objects.all().delete()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(
    st.sampled_from([*WRONG, "memories", "messages", "query", "top_k", "weights"]), json_values, max_size=5
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([*STORES, "/v1/memories/search", "/memory/store", "/memory/query"]),
    body=bodies | json_values,
)
def test_any_json_is_understood_or_refused(api, tenant, path, body):
    answer = api.post(path, body)
    assert answer.status in (200, 201, 400, 403, 404), answer.body
    if answer.status >= 400:
        refused(answer, status=(400, 403, 404))
    with tenant_scope(tenant.id):
        Memory.objects.all()._raw_delete("default")
        Conversation.objects.all().delete()
        IndexJob.objects.all().delete()
