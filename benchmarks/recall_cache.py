"""Questions that come again, by a Zipf law, through HTTP: how many answers are given again, and what that saves.

    python benchmarks/recall_cache.py --write-every 0 50

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. Each value of --write-every is a replay
in a tenant of its own, with one message written to it after so many questions (0: none). The rates are those that
/metrics counts.
"""

import argparse
import random
import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import batched
from urllib.request import urlopen
from uuid import uuid4

import corpus
from stack import Client, timed  # sets Django up

from memos_project.tenancy.services import create_tenant

COUNT = re.compile(r'^memos_cache_requests_total\{cache="recalls",outcome="(\w+)"\} (\S+)$', re.MULTILINE)


def counts(base_url: str) -> dict[str, float]:
    """What memOS has counted of its recalls' cache."""
    with urlopen(f"{base_url}/metrics") as answer:
        return {outcome: float(count) for outcome, count in COUNT.findall(answer.read().decode())}


def since(before: dict[str, float], now: dict[str, float]) -> dict[str, int]:
    return {name: int(now.get(name, 0) - before.get(name, 0)) for name in ("near", "far", "miss", "unseen")}


def ask(client: Client, tenant: str, question: str) -> None:
    client.call("POST", "/v1/memories/search", {"query": question, "tenant_id": tenant})


def write(client: Client, tenant: str, *texts: str) -> None:
    messages = [{"content": text, "user_id": "", "conversation_id": "c"} for text in texts]
    client.call("POST", "/v1/messages", {"messages": messages, "tenant_id": tenant})


def filled_tenant(client: Client, memories: int) -> str:
    tenant = str(create_tenant(slug=f"recalls-{uuid4().hex[:12]}").id)
    for some in batched(corpus.sentences(memories, seed=5), 500):
        write(client, tenant, *some)
    while client.call("GET", "/v1/admin/health")["backlog"]:
        time.sleep(0.1)
    return tenant


class Replay:
    """Questions by their Zipf law, asked by several clients at once; every so many, one of them writes."""

    def __init__(self, base_url: str, tenant: str, asked: Sequence[str], *, write_every: int) -> None:
        self.base_url, self.tenant, self.write_every = base_url, tenant, write_every
        self._asked: Iterator[tuple[int, str]] = enumerate(asked, 1)
        self._texts = corpus.sentences(len(asked), seed=time.time_ns())
        self._lock = threading.Lock()
        self.times: list[float] = []
        self.writes: list[float] = []

    def run(self, clients: int) -> float:
        """Seconds."""
        started = time.perf_counter()
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return time.perf_counter() - started

    def _client(self) -> None:
        client = Client(self.base_url)
        while True:
            with self._lock:
                number, question = next(self._asked, (0, ""))
                text = next(self._texts, "")
            if not number:
                return
            self.times.append(timed(lambda: ask(client, self.tenant, question)))
            if self.write_every and number % self.write_every == 0:
                self.writes.append(timed(lambda: write(client, self.tenant, text)))


def by_zipf(questions: int, requests: int, exponent: float) -> list[str]:
    known = list(dict.fromkeys(corpus.questions(3 * questions, seed=11)))[:questions]
    weights = [rank**-exponent for rank in range(1, len(known) + 1)]
    asked = random.Random(13).choices(known, weights, k=requests)
    print(f"{requests} requests for {len(set(asked))} of {len(known)} questions, exponent {exponent}")
    return asked


def one_question(client: Client, tenant: str, rounds: int) -> None:
    """A question the first, the second and the third time, beside an empty request."""
    before = counts(given.base_url)
    times: dict[str, list[float]] = {}
    for question in corpus.questions(rounds, seed=time.time_ns()):
        times.setdefault("empty request", []).append(timed(lambda: client.call("GET", "/v1/me")))
        for name in ("first time", "second time", "given again"):
            unlike = f"{question} {len(times['empty request'])}"
            times.setdefault(name, []).append(timed(lambda: ask(client, tenant, unlike)))
    for name, all_of_them in times.items():
        print(f"  {name:14s} p50 {statistics.median(all_of_them[rounds // 10 :]):6.2f} ms")
    print(f"  counted: {since(before, counts(given.base_url))}")


def replay(client: Client, asked: Sequence[str], write_every: int) -> str:
    tenant = filled_tenant(client, given.memories)
    before = counts(given.base_url)
    one = Replay(given.base_url, tenant, asked, write_every=write_every)
    seconds = one.run(given.clients)
    found = since(before, counts(given.base_url))
    again = (found["near"] + found["far"]) / sum(found.values())
    p50, p95 = statistics.median(one.times), statistics.quantiles(one.times, n=20)[-1]
    print(
        f"one write in {write_every or 'no'} questions ({len(one.writes)} writes): {again:.1%} given again, {found};"
        f" {len(one.times) / seconds:.0f} searches/s, p50 {p50:.2f}, p95 {p95:.2f} ms"
        + (f"; a write p50 {statistics.median(one.writes):.2f} ms" if one.writes else "")
    )
    return tenant


def main() -> None:
    client = Client(given.base_url)
    asked = by_zipf(given.questions, given.requests, given.exponent)
    for write_every in given.write_every:
        tenant = replay(client, asked, write_every)
    print("one client, the same question three times:")
    time.sleep(2)
    one_question(client, tenant, 300)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--memories", type=int, default=3000)
    arguments.add_argument("--questions", type=int, default=2000)
    arguments.add_argument("--requests", type=int, default=8000)
    arguments.add_argument("--exponent", type=float, default=1.05)
    arguments.add_argument("--clients", type=int, default=4)
    arguments.add_argument("--write-every", type=int, nargs="+", default=[0, 50], metavar="QUESTIONS")
    given = arguments.parse_args()
    main()
