"""What `manage.py up` prints when everything answers."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from memos_project.local import credentials
from memos_project.local.credentials import Credentials


def text(home: Path, address: str, *, colour: bool) -> str:
    """The box, and under it lines to copy, which must not be broken by a frame."""
    known = credentials.read(credentials.path(home))
    output = io.StringIO()
    console = Console(file=output, force_terminal=colour, width=100, soft_wrap=True, highlight=False)
    console.print(
        Panel(addresses(home, address, known), title="memOS is running", expand=False), soft_wrap=False
    )
    if known:
        console.print("Store a memory, then find it again:\n")
        for line in examples(address, known.api_key):
            console.print(line, markup=False)
    return output.getvalue()


def addresses(home: Path, address: str, known: Credentials | None) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("API docs", f"{address}/docs")
    table.add_row("Admin", f"{address}/admin/")
    if known:
        table.add_row(
            "", f"user [bold]{known.admin_user}[/bold], password [bold]{known.admin_password}[/bold]"
        )
        table.add_row("API key", known.api_key)
        table.add_row("", f"both are kept in {credentials.path(home)}")
    table.add_row("Log", str(home / "log" / "memos.log"))
    table.add_row("Stop", "Ctrl-C")
    return table


def examples(address: str, api_key: str) -> list[str]:
    def curl(path: str, body: dict[str, object]) -> str:
        headers = f"-H {shlex.quote(f'x-api-key: {api_key}')} -H 'content-type: application/json'"
        return f"curl -s {address}{path} {headers} -d {shlex.quote(json.dumps(body))}"

    return [
        curl("/v1/memories", {"content": "Ada prefers green tea in the afternoon."}),
        curl("/v1/memories/search", {"query": "What does Ada drink?", "top_k": 3}),
    ]
