"""The drop-in door, in front of a small server that speaks the Chat Completions API."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import orjson
import pytest

from memories.working import llm_cache
from memories.working.llm_cache import upstream
from memos_project.later import done
from tests.factories import Api, make_key

pytestmark = pytest.mark.django_db
PATH = "/v1/openai/chat/completions"
ASKED = {"model": "gpt", "messages": [{"role": "user", "content": "How do I bake bread at home?"}]}
TEXT = "Knead, wait, bake."


@dataclass
class Upstream:
    """What it was asked, and how it answers."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    status: int = 200
    stops_early: bool = False
    pause: float = 0.0


def _piece(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}  # fmt: skip


@pytest.fixture
def service(settings, tenant) -> Iterator[Upstream]:
    state = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append(body)
            state.keys.append(self.headers.get("Authorization"))
            time.sleep(state.pause)
            if state.status != 200:
                self._send({"error": {"message": "too many requests"}})
            elif body.get("stream"):
                self._stream()
            else:
                message = {"role": "assistant", "content": TEXT}
                self._send({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt",
                            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})  # fmt: skip

        def _send(self, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(state.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            pieces = [
                _piece({"role": "assistant", "content": ""}),
                *(_piece({"content": word}) for word in ("Knead, ", "wait, ", "bake.")),
            ]
            if not state.stops_early:
                pieces.append(_piece({}, "stop"))
            for each in pieces:
                self.wfile.write(b"data: " + json.dumps(each).encode() + b"\n\n")
            if not state.stops_early:
                self.wfile.write(b": a comment\n\ndata: [DONE]\n\n")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    settings.MEMOS_OPENAI_UPSTREAM_URL = state.url
    settings.MEMOS_OPENAI_UPSTREAM_KEY = "upstream-key"
    yield state
    server.shutdown()
    server.server_close()


def ask(api: Api, cache: str | None = None, **more: Any) -> Any:
    return api.post(PATH, {**ASKED, **more}, headers={"x-memos-cache": cache} if cache else None)


def words(answer: Any) -> str:
    """The text of a stream."""
    events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    return "".join(orjson.loads(each)["choices"][0]["delta"].get("content") or "" for each in events[:-1])


class TestWhole:
    def test_the_second_time_the_service_is_not_asked(self, api, service):
        first, second = ask(api), ask(api)
        assert first.body == second.body
        assert first.body["choices"][0]["message"]["content"] == TEXT
        assert [each.headers["x-memos-cache"] for each in (first, second)] == ["miss", "exact"]
        assert len(service.asked) == 1

    def test_the_request_goes_through_as_it_is_with_the_services_key(self, api, service):
        ask(api, temperature=0.2, tools=[{"type": "function", "function": {"name": "f"}}])
        assert service.asked == [
            {**ASKED, "temperature": 0.2, "tools": [{"type": "function", "function": {"name": "f"}}]}
        ]
        assert service.keys == ["Bearer upstream-key"]

    def test_a_stream_of_null_is_none(self, api, service):
        first, second = ask(api, stream=None), ask(api)
        assert first.body["choices"][0]["message"]["content"] == TEXT
        assert second.headers["x-memos-cache"] == "exact"

    def test_a_tenant_of_the_callers_goes_through(self, api, service):
        assert ask(api, tenant_id="customer-7").status == 200
        assert service.asked[-1]["tenant_id"] == "customer-7"

    def test_without_the_cache(self, api, service):
        assert ask(api, "off").status == ask(api, "off").status == 200
        assert ask(api).headers["x-memos-cache"] == "miss"
        assert len(service.asked) == 3

    def test_a_question_that_asks_the_same(self, api, service, minilm):
        ask(api)
        other = {"messages": [{"role": "user", "content": "How can I bake bread at home?"}]}
        assert ask(api, "semantic", **other).headers["x-memos-cache"] == "semantic"
        assert len(service.asked) == 1

    def test_an_error_of_the_service_is_passed_on_and_not_kept(self, api, service):
        service.status = 429
        answer = ask(api)
        assert (answer.status, answer.body["error"]["message"]) == (429, "too many requests")
        service.status = 200
        assert ask(api).headers["x-memos-cache"] == "miss"

    def test_an_answer_too_large_to_be_kept_lets_the_next_ask(self, api, service, tenant, settings):
        settings.MEMOS_LLM_CACHE_MAX_ENTRY_BYTES = 100
        assert ask(api).status == 200
        assert llm_cache.lookup(tenant, llm_cache.Request("gpt", ASKED["messages"], {})).compute

    def test_another_tenant_asks_the_service(self, api, other_api, service):
        ask(api)
        assert ask(other_api).headers["x-memos-cache"] == "miss"


class TestStream:
    def test_it_passes_and_is_kept_for_both_kinds(self, api, service):
        first = ask(api, stream=True)
        assert first.headers["Content-Type"].startswith("text/event-stream")
        assert words(first) == TEXT
        again, whole = ask(api, stream=True), ask(api)
        assert words(again) == TEXT
        assert whole.body["choices"] == [
            {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
        ]
        assert len(service.asked) == 1

    def test_one_that_breaks_off_is_not_kept(self, api, service):
        service.stops_early = True
        assert b"bake." in ask(api, stream=True).body
        service.stops_early = False
        assert ask(api).headers["x-memos-cache"] == "miss"

    @pytest.mark.django_db(transaction=True)
    def test_whoever_goes_away_leaves_nothing(self, api, service):
        response = api.client.post(
            PATH,
            orjson.dumps({**ASKED, "stream": True}),
            content_type="application/json",
            headers=api.headers,
        )
        next(iter(response.streaming_content))
        response.close()
        assert ask(api).headers["x-memos-cache"] == "miss"

    def test_tool_calls_come_together(self):
        calls = [
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}}
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"q": '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        ]
        whole = upstream.completion_of([*map(_piece, calls), _piece({}, "tool_calls")])
        assert whole["choices"][0]["message"]["tool_calls"] == [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"q": 1}'}}
        ]
        replayed = [
            orjson.loads(each[6:]) for each in upstream.chunks_of(whole, usage=False) if each != upstream.DONE
        ]
        assert upstream.completion_of(replayed)["choices"] == whole["choices"]


class TestSingleFlight:
    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_asks_the_service(self, tenant, service):
        service.pause = 0.3
        key, statuses = make_key(tenant), []
        threads = [threading.Thread(target=lambda: statuses.append(ask(Api(key)).status)) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert statuses == [200] * 4
        assert len(service.asked) == 1

    @pytest.mark.django_db(transaction=True)
    def test_who_may_not_wait_is_told_so(self, tenant, service, settings):
        settings.MEMOS_WAITERS = 0
        service.pause = 0.5
        key, statuses = make_key(tenant), []
        first = threading.Thread(target=lambda: statuses.append(ask(Api(key)).status))
        first.start()
        time.sleep(0.2)
        assert ask(Api(key)).status == 503
        first.join()
        assert statuses == [200]
        assert len(service.asked) == 1

    @pytest.mark.django_db(transaction=True)
    def test_calls_leave_threads_for_the_others(self, tenant, service, monkeypatch):
        monkeypatch.setattr(upstream, "_calls", threading.BoundedSemaphore(1))
        service.pause = 0.5
        key, statuses = make_key(tenant), []
        first = threading.Thread(target=lambda: statuses.append(ask(Api(key)).status))
        first.start()
        time.sleep(0.2)
        assert ask(Api(key), messages=[{"role": "user", "content": "Something else."}]).status == 503
        first.join()
        assert statuses == [200]
        assert ask(Api(key), messages=[{"role": "user", "content": "Something else."}]).status == 200

    def test_a_failure_lets_the_next_one_try(self, api, service):
        service.status = 500
        ask(api)
        service.status = 200
        began = time.monotonic()
        assert ask(api).status == 200
        assert time.monotonic() - began < 2


def test_the_openai_client_speaks_to_it(live_server, key, service):
    client = openai.OpenAI(base_url=f"{live_server.url}/v1/openai", api_key=key, max_retries=0)
    for _ in range(2):
        answer = client.chat.completions.create(model="gpt", messages=ASKED["messages"])
        assert answer.choices[0].message.content == TEXT
    stream = client.chat.completions.create(model="gpt", messages=ASKED["messages"], stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in stream) == TEXT
    assert len(service.asked) == 1


class TestTrouble:
    def test_no_upstream(self, api):
        answer = ask(api)
        assert answer.status == 503
        assert "MEMOS_OPENAI_UPSTREAM_URL" in answer.body["detail"]

    def test_an_upstream_that_is_down(self, api, settings):
        settings.MEMOS_OPENAI_UPSTREAM_URL = "http://127.0.0.1:1/v1"
        assert ask(api).status == 503
        assert ask(api, stream=True).status == 503

    @pytest.mark.parametrize("change", [{"model": 1}, {"messages": []}, {"messages": [1]}, {"stream": "yes"}])
    def test_bad_requests(self, api, service, change):
        assert ask(api, **change).status == 400
        assert ask(api, "sometimes").fields == ["x-memos-cache"]
        assert service.asked == []

    @pytest.mark.usefixtures("redis_down")
    def test_without_redis_the_service_is_asked_each_time(self, api, service):
        assert [ask(api).status, ask(api).status] == [200, 200]
        assert len(service.asked) == 2


@pytest.fixture(autouse=True)
def _finished():
    yield
    done()
