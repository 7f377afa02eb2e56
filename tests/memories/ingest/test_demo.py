"""The demonstration, on the tests' own servers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from rich.console import Console

from memories import demo
from memories.demo import stores
from memories.demo.show import bar
from memories.management.commands.demo import more, show
from memories.models import Memory
from memos_project.db import tenant_scope
from memos_project.local import folder
from memos_project.tenancy.callers import tenant_info
from memos_project.tenancy.services import create_tenant


@pytest.fixture
def default(tenant):
    return tenant_info(create_tenant(slug=demo.TENANT))


def shown(owner):
    console = Console(width=80, record=True)
    show(owner, console)
    return console.export_text()


def test_answers_with_explained_results_that_fit_80_columns(default, minilm):
    said = shown(default)
    assert max(map(len, said.splitlines())) <= 80
    for expected in (
        *(question.text for question in demo.QUESTIONS),
        "we do PostgreSQL",
        "Tomasz",
        "puffins",
        "similarity █",
    ):
        assert expected in said


def test_what_to_ask_next_names_the_address_of_the_running_one(tmp_path, settings, monkeypatch):
    monkeypatch.delenv("MEMOS_PORT", raising=False)
    settings.MEMOS_HOME = tmp_path
    assert "curl -s http://127.0.0.1:8000/v1/" in more()
    with folder.held(tmp_path, address="http://127.0.0.1:8123"):
        assert "curl -s http://127.0.0.1:8123/v1/" in more()


def test_twice_stores_once(default, tenant):
    assert "117 stored now, 0 there already" in shown(default)
    assert "0 stored now, 117 there already" in shown(default)
    with tenant_scope(default.id):
        assert Memory.objects.filter(user_id=demo.USER).count() == 117
    with tenant_scope(tenant.id):
        assert not Memory.objects.exists()


def test_a_database_that_was_named_and_does_not_answer(monkeypatch, settings):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert not stores.answers("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(CommandError, match="DATABASE_URL"):
        call_command("demo")


@pytest.mark.slow
def test_alone_it_starts_what_it_needs_and_stops_it_again(tmp_path):
    home = tmp_path / "a home"
    stores_of_others = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    environ = {name: value for name, value in os.environ.items() if name not in stores_of_others}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=Path(__file__).parents[3],
        env={**environ, "MEMOS_HOME": str(home), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("memOS is not running")
    assert "puffins" in done.stdout
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    ("value", "drawn"), [(0, " " * 8), (1, "█" * 8), (0.5, "████    "), (0.515, "████▏   "), (7, "█" * 8)]
)
def test_bars(value, drawn):
    assert bar(value) == drawn
