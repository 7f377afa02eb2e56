"""Working memory through HTTP against an empty authenticated request, measured in the same run.

    python benchmarks/working.py

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's.
"""

import argparse
import statistics
from collections.abc import Callable

from stack import Client, timed


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--rounds", type=int, default=1000)
    given = arguments.parse_args()
    client = Client(given.base_url)
    value = {"value": {"plan": ["read", "think", "act"], "step": 3, "note": "x" * 200}, "ttl": 600}
    path = "/v1/working/session:bench"
    calls: dict[str, Callable[[], object]] = {
        "empty request": lambda: client.call("GET", "/v1/me"),
        "set": lambda: client.call("PUT", f"{path}/k", value),
        "get": lambda: client.call("GET", f"{path}/k"),
        "increment": lambda: client.call("POST", f"{path}/n/increment", {}),
        "read ten": lambda: client.call(
            "POST", "/v1/working/read", {"scope": "session:bench", "keys": [*"abcdefghi", "k"]}
        ),
    }
    # Each round measures all, so that noise hits them alike; the first rounds warm up.
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(given.rounds):
        for name, act in calls.items():
            times[name].append(timed(act))
    floor = statistics.median(times["empty request"][given.rounds // 10 :])
    for name, all_of_them in times.items():
        p50 = statistics.median(all_of_them[given.rounds // 10 :])
        print(f"{name:14s} p50 {p50:6.2f} ms  {p50 / floor:5.2f} of an empty request")


if __name__ == "__main__":
    main()
