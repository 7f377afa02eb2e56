"""A small server that speaks the Chat Completions API and answers what a test wants."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Model:
    """What it was asked, and what it answers in turn; the last answer is given again.

    An answer may be a function of the request.
    """

    answers: list
    url: str = ""
    asked: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    status: int = 200
    pause: float = 0.0
    body: bytes | None = None

    def next(self) -> str:
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        given = given(self.asked[-1]) if callable(given) else given
        return given if isinstance(given, str) else json.dumps(given)


@contextmanager
def answering(*answers: object) -> Iterator[Model]:
    state = Model(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            state.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.keys.append(self.headers.get("Authorization"))
            time.sleep(state.pause)
            message = {"role": "assistant", "content": state.next()}
            body = state.body or json.dumps(
                {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                 "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            ).encode()  # fmt: skip
            try:
                self.send_response(state.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client gave up waiting, as a test wants it to

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
