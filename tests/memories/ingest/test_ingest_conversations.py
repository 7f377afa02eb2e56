"""The command: what it stores, says and survives."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from memories import services
from memories.models import Conversation, IndexJob, Memory
from memos_project.db import tenant_scope
from memos_project.local import postgres
from tests.factories import new_memory
from tests.memories.ingest.exports import BOATS, BREAD, TALK, lines

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(tenant, tmp_path):
    """Run the command over a file with that content: exit status, standard output."""

    def run(content, *options, name="x.json", of=tenant):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        stdout = io.StringIO()
        try:
            call_command("ingest_conversations", str(path), "--tenant", of.slug, *options, stdout=stdout)
        except SystemExit as ended:
            return ended.code, stdout.getvalue()
        return 0, stdout.getvalue()

    return run


@pytest.fixture
def stored(tenant):
    """Rows of the tenant in the order of their conversation."""

    def stored(*names, of=tenant):
        with tenant_scope(of.id):
            return list(
                Memory.objects.filter(tenant_id=of.id)
                .order_by("conversation__key", "turn", "id")
                .values_list(*names)
            )

    return stored


class TestStoring:
    def test_turns_are_numbered_in_order(self, run, stored):
        assert run(TALK) == (0, stored_says(created=3))
        assert stored("conversation__key", "turn", "speaker", "role", "kind", "content") == [
            ("c1/s1", 1, "Ann", "user", "message", "Hello."),
            ("c1/s1", 2, "Bob", "user", "message", "Hi Ann."),
            ("c1/s2", 1, "user", "user", "message", "Again."),
        ]

    @pytest.mark.parametrize("content", [[BREAD], [BOATS], TALK, lines({"content": "a"}, {"content": "a"})])
    def test_a_second_run_stores_nothing(self, run, stored, content):
        assert run(content)[0] == 0
        before = stored("id")
        status, said = run(content)
        assert (status, stored("id")) == (0, before)
        assert f"0 created, {len(before)} duplicates" in said

    def test_conversations_get_their_title_unless_they_have_one(self, run, tenant):
        run([BREAD, BOATS], "--format", "chatgpt")
        with tenant_scope(tenant.id):
            assert Conversation.objects.get(key="chat-1").title == "Bread"
            Conversation.objects.update(title="")
        run([BREAD])  # the first run might have been killed before it named them
        with tenant_scope(tenant.id):
            assert Conversation.objects.get(key="chat-1").title == "Bread"
            Conversation.objects.update(title="A curator's")
        run([BREAD])
        with tenant_scope(tenant.id):
            assert Conversation.objects.get(key="chat-1").title == "A curator's"

    def test_the_operator_decides(self, run, stored):
        run([BREAD], "--user", "ann", "--agent", "baker", "--tag", "old", "--tag", "bread", "--batch", "1")
        assert set(stored("user_id", "agent_id")) == {("ann", "baker")}
        assert stored("tags")[0] == (["old", "bread"],)

    def test_only_this_tenant_has_them(self, run, stored, other_tenant):
        run(TALK)
        assert stored("id", of=other_tenant) == []
        assert run(TALK, of=other_tenant) == (0, stored_says(created=3))

    def test_waiting_ends_when_all_is_indexed(self, run, tenant):
        status, said = run(TALK, "--wait")
        assert (status, "Indexed after another" in said) == (0, True)
        with tenant_scope(tenant.id):
            assert not IndexJob.objects.exists()


class TestRefusing:
    BAD = lines(
        {"content": "one"},
        {"content": "two", "importance": 3},
        {"text": "three"},
        {"content": "nul\x00"},
        {"content": "x", "external_id": 7, "user_id": ["u"]},
        {"content": "elsewhere", "tenant_id": "someone-else"},
        {"content": "six"},
    )

    def test_names_file_line_and_field_and_goes_on(self, run, stored, capsys):
        status, said = run(self.BAD, name="bad.jsonl")
        assert (status, stored("content")) == (1, [("one",), ("six",)])
        assert "2 created, 0 duplicates, 5 refused" in said
        told = capsys.readouterr().err.splitlines()
        assert [line.split(":")[:3] for line in told] == [
            ["bad.jsonl", " line 2", " importance"],
            ["bad.jsonl", " line 3", " content"],
            ["bad.jsonl", " line 4", " content"],
            ["bad.jsonl", " line 5", " user_id"],
            ["bad.jsonl", " line 6", " tenant_id"],
        ]

    def test_strict_stops(self, run, stored):
        status, _ = run(self.BAD, "--strict", "--batch", "1")
        assert (status, stored("content")) == (1, [("one",)])

    @pytest.mark.parametrize(
        "options", [("--tenant", "nobody"), ("--user", "u" * 201), ("--tag", "t" * 101), ("--batch", "0")]
    )
    def test_options_that_cannot_be_used(self, run, options):
        with pytest.raises(CommandError):
            run(TALK, *options)

    def test_a_file_that_is_not_there(self, tenant):
        with pytest.raises(CommandError, match="No such file"):
            call_command("ingest_conversations", "/nowhere/x.json", "--tenant", tenant.slug)


class TestDryRun:
    def test_says_what_would_be_done_and_stores_nothing(self, run, stored, tenant):
        services.remember(
            tenant,
            [new_memory("Hello.", user_id="c1", external_id="transcript:c1:D1:1", kind="message")],
            actor="test",
        )
        status, said = run(TALK, "--dry-run")
        assert (status, len(stored("id"))) == (0, 1)
        words = " ".join(said.split())
        assert "c1 c1/s1 1 1 2023-05-08 2023-05-08" in words
        assert "Would create 2 messages in 2 conversations; 1 are there already, 0 would be refused." in words


def stored_says(*, created):
    """The summary, whatever time it took."""

    class Says(str):
        def __eq__(self, other):
            return other.startswith(f"{created} messages: {created} created, 0 duplicates, 0 refused")

        __hash__ = str.__hash__

    return Says()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestStopping:
    COUNT = 3000

    @pytest.fixture
    def start(self, tenant, tmp_path):
        """Start the command as a process of its own on the test's database, and wait until it has stored something."""
        path = tmp_path / "long.jsonl"
        path.write_text(
            lines(*({"content": f"Number {n}.", "conversation_id": f"c{n % 3}"} for n in range(self.COUNT)))
        )
        argv = [sys.executable, "manage.py", "ingest_conversations", str(path), "--tenant", tenant.slug]
        config = connection.settings_dict
        url = f"postgresql://{postgres.APP}@/{config['NAME']}?host={config['HOST']}&port={config['PORT']}"
        environ = {
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": settings.REDIS_URL,
            "PYTHONWARNINGS": "ignore",
        }

        def start(*options):
            return subprocess.Popen(
                [*argv, *options], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
            )

        return start

    def count(self, tenant):
        with tenant_scope(tenant.id):
            return Memory.objects.filter(tenant_id=tenant.id).count()

    def until_begun(self, tenant, process):
        deadline = time.monotonic() + 60
        while not self.count(tenant):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def test_killed_and_run_again_ends_with_exactly_the_right_rows(self, tenant, start):
        killed = start("--batch", "20")
        self.until_begun(tenant, killed)
        killed.kill()
        killed.communicate()
        assert 0 < self.count(tenant) < self.COUNT
        again = start()
        said, _ = again.communicate(timeout=60)
        assert again.returncode == 0, said
        with tenant_scope(tenant.id):
            rows = list(
                Memory.objects.order_by("conversation__key", "turn").values_list(
                    "conversation__key", "turn", "content"
                )
            )
        third = self.COUNT // 3
        assert rows == [
            (f"c{c}", turn + 1, f"Number {3 * turn + c}.") for c in range(3) for turn in range(third)
        ]

    def test_ctrl_c_ends_after_the_batch_with_a_summary(self, tenant, start):
        process = start("--batch", "20")
        self.until_begun(tenant, process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        stored = self.count(tenant)
        assert stored % 20 == 0
        assert f"{stored:,} created" in said
        assert "Stopped by SIGINT" in said
