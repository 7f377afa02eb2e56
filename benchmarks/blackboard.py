"""Two writers and eight readers on one blackboard through HTTP: every reader sees every post once, in order.

    python benchmarks/blackboard.py --rate 10

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. Without a rate the writers write as
fast as they can, which needs MEMOS_RATE_LIMIT_KEY and MEMOS_RATE_LIMIT_TENANT beyond what is then sent.
"""

import argparse
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stack import Client

PATIENCE = 15.0  # seconds without news after the last post, when a reader gives up


@dataclass
class Seen:
    """What a reader saw: ids in order, whose and which they were, and how late."""

    ids: list[str] = field(default_factory=list)
    posts: list[tuple[str, int]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    calls: int = 0
    turned_away: int = 0


def write(client: Client, path: str, name: str, until: float, rate: float, posted: list[str]) -> None:
    number = 0
    began = time.monotonic()
    while time.monotonic() < until:
        content = {"writer": name, "number": number, "at": time.time(), "note": "x" * 200}
        posted.append(client.call("POST", f"{path}/posts", {"area": "public", "content": content})["id"])
        number += 1
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))


def follow(client: Client, path: str, seen: Seen, expected: list[int]) -> None:
    cursor, news = "0-0", time.monotonic()
    while not expected or len(seen.ids) < expected[0]:
        page = client.call("GET", f"{path}/posts?cursor={cursor}&limit=1000&wait=5")
        now, cursor = time.time(), page["next_cursor"]
        seen.calls += 1
        for each in page["results"]:
            seen.ids.append(each["id"])
            seen.posts.append((each["agent"], each["content"]["number"]))
            seen.late.append(1000 * (now - each["content"]["at"]))
        if page["results"]:
            news = time.monotonic()
        elif expected and time.monotonic() - news > PATIENCE:
            return
        if again := client.answered["Retry-After"]:
            seen.turned_away += 1
            time.sleep(float(again))


def place(number: str) -> tuple[int, int]:
    milliseconds, _, within = number.partition("-")
    return int(milliseconds), int(within)


def is_in_order(seen: Seen, writers: list[str]) -> bool:
    """By id, and each writer's in the order they were written."""
    places = [place(each) for each in seen.ids]
    own = {name: [number for agent, number in seen.posts if agent == name] for name in writers}
    return places == sorted(places) and all(numbers == sorted(numbers) for numbers in own.values())


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def run(
    base_url: str, writers: list[str], readers: int, seconds: float, rate: float
) -> tuple[set[str], list[Seen], float]:
    """The ids of what was posted, what each reader saw, and how many seconds the writers took."""
    path = f"/v1/blackboards/bench-{uuid.uuid4().hex}"
    clients = {name: Client(base_url) for name in writers}
    for name, client in clients.items():
        client.headers["x-agent-token"] = client.call("POST", f"{path}/agents", {"agent": name})["token"]
    posted: dict[str, list[str]] = {name: [] for name in writers}
    seen, expected = [Seen() for _ in range(readers)], list[int]()
    with ThreadPoolExecutor(readers) as reading:
        followed = [reading.submit(follow, Client(base_url), path, each, expected) for each in seen]
        began = time.monotonic()
        with ThreadPoolExecutor(len(writers)) as writing:
            written = [
                writing.submit(write, clients[name], path, name, began + seconds, rate, posted[name])
                for name in writers
            ]
        took = time.monotonic() - began
        everything = {each for ids in posted.values() for each in ids}
        expected.append(len(everything))
    for each in (*written, *followed):
        each.result()
    clients[writers[0]].call("DELETE", path)
    return everything, seen, took


def report(everything: set[str], seen: list[Seen], writers: list[str], took: float) -> bool:
    """Print what was seen; whether it was everything, once and in order."""
    late = [each for reader in seen for each in reader.late]
    missed = sum(len(everything - {*reader.ids}) for reader in seen)
    repeated = sum(len(reader.ids) - len({*reader.ids}) for reader in seen)
    strange = sum(len({*reader.ids} - everything) for reader in seen)
    unordered = sum(not is_in_order(reader, writers) for reader in seen)
    calls, turned_away = sum(reader.calls for reader in seen), sum(reader.turned_away for reader in seen)
    print(f"{len(everything)} posts in {took:.1f} s: {len(everything) / took:.1f}/s, read by {len(seen)}")
    print(
        f"from post to sight p50 {percentile(late, 0.5):.1f} ms  p95 {percentile(late, 0.95):.1f} ms"
        f"  max {max(late):.1f} ms"
    )
    print(f"missed {missed}  repeated {repeated}  strange {strange}  readers out of order {unordered}")
    print(f"{calls} calls of readers, {turned_away} turned away")
    return not (missed or repeated or strange or unordered)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--writers", type=int, default=2)
    arguments.add_argument("--readers", type=int, default=8)
    arguments.add_argument("--rate", type=float, default=0, help="posts a second of each writer; 0: no limit")
    given = arguments.parse_args()
    writers = [f"writer-{n}" for n in range(given.writers)]
    everything, seen, took = run(given.base_url, writers, given.readers, given.seconds, given.rate)
    if not report(everything, seen, writers, took):
        sys.exit(1)


if __name__ == "__main__":
    main()
