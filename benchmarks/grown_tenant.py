"""A tenant that grows beside a large one: what a message and a search cost, each time it has grown by some.

    python benchmarks/grown_tenant.py --memories 100000 --messages 10000

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. The large tenant is that of search.py, and
PostgreSQL's statistics know it; they learn of the growing one only now and then, and nothing should tell when.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import islice
from uuid import uuid4

import corpus
from load import load
from stack import Client, timed  # sets Django up

from memos_project.tenancy.services import create_tenant

BATCH = 500
# How often each is asked.
ROUNDS = 25


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--memories", type=int, default=100_000)
    arguments.add_argument("--messages", type=int, default=10_000)
    arguments.add_argument("--step", type=int, default=2_000)
    given = arguments.parse_args()
    load(given.memories, 1)
    client, tenant = Client(given.base_url), str(create_tenant(slug=f"grown-{uuid4().hex[:12]}").id)
    texts, questions = corpus.sentences(2 * given.messages, seed=time.time_ns()), corpus.questions(10_000)

    def message(text: str, conversation: str) -> dict[str, object]:
        return {"content": text, "user_id": "grown", "conversation_id": conversation}

    def search(**how: object) -> object:
        body = {"query": next(questions), "tenant_id": tenant, **how}
        return client.call("POST", "/v1/memories/search", body)

    acts: dict[str, Callable[[], object]] = {
        "empty request": lambda: client.call("GET", "/v1/me"),
        "message": lambda: client.call(
            "POST", "/v1/messages", {**message(next(texts), "single"), "tenant_id": tenant}
        ),
        "search": search,
        "search, with turns around": lambda: search(context=2),
    }
    print(f"{'messages':>8s}  {'  '.join(f'{name} (ms, of an empty request)' for name in acts)}")
    for done in range(0, given.messages, BATCH):
        many = [message(text, f"c{(done + n) // 40}") for n, text in enumerate(islice(texts, BATCH))]
        client.call("POST", "/v1/messages", {"messages": many, "tenant_id": tenant})
        if (done + BATCH) % given.step == 0:
            p50 = {name: statistics.median(timed(act) for _ in range(ROUNDS)) for name, act in acts.items()}
            floor = p50["empty request"]
            print(
                f"{done + BATCH:8d}  {'  '.join(f'{ms:.1f} {ms / floor:.1f}' for ms in p50.values())}",
                flush=True,
            )


if __name__ == "__main__":
    main()
