"""A small HTTP server that answers as OpenAI's embeddings API is documented to."""

import base64
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from memories.embeddings import ModelSpec, Runtime
from memories.embeddings.hashing import HashEmbedder


@dataclass
class Behaviour:
    """What the server shall do, and what it was asked."""

    native: int = 32
    shortens: bool = True
    base64: bool = True
    shuffled: bool = False
    delay: float = 0.0
    drop_last: bool = False
    body: bytes | None = None
    numbers: float | None = None
    key: str | None = None
    # Answered in turn instead of vectors: (status, headers, error message).
    failures: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def vector(text, dimensions):
    spec = ModelSpec(name="remote", provider="hash", dimensions=dimensions)
    # Not of length one: a client must not take that for granted.
    return HashEmbedder(spec, Runtime()).embed_query(text).vector * 3


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        behaviour = self.server.behaviour
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        behaviour.requests.append(request)
        behaviour.paths.append(self.path)
        time.sleep(behaviour.delay)
        sent = self.headers.get("authorization", "").removeprefix("Bearer ") or self.headers.get("api-key")
        if behaviour.key and behaviour.key != sent:
            self.error(401, {}, f"Incorrect API key provided: {sent}")
        elif behaviour.failures:
            self.error(*behaviour.failures.pop(0))
        elif "dimensions" in request and not behaviour.shortens:
            self.error(400, {}, "This model does not support specifying dimensions.")
        elif behaviour.body is not None:
            self.answer(200, behaviour.body)
        else:
            self.answer(200, json.dumps(self.embeddings(behaviour, request)).encode())

    def embeddings(self, behaviour, request):
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        assert all(texts), "an input must not be empty"
        data = []
        for index, text in enumerate(texts):
            numbers = vector(text, behaviour.native)[: request.get("dimensions")]
            if behaviour.numbers is not None:
                numbers[:] = behaviour.numbers
            packed = request.get("encoding_format") == "base64" and behaviour.base64
            embedding = (
                base64.b64encode(numbers.astype(np.float32).tobytes()).decode()
                if packed
                else numbers.tolist()
            )
            data.append({"object": "embedding", "index": index, "embedding": embedding})
        if behaviour.shuffled:
            data.reverse()
        if behaviour.drop_last:
            data.pop()
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "data": data, "model": request["model"], "usage": usage}

    def error(self, status, headers, message):
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        error = {"message": message, "type": kinds.get(status, "server_error"), "param": None, "code": None}
        self.answer(status, json.dumps({"error": error}).encode(), headers)

    def answer(self, status, body, headers=None):
        try:
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up waiting, as a test wants it to

    def log_message(self, *args):
        pass


@contextmanager
def running(behaviour):
    """The address of a server on a free port of this machine, for as long as it is needed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.behaviour = behaviour
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
