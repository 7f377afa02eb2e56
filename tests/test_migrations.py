"""Migrations: complete, each way, and every SQL file in its one place."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests import servers

ROOT = Path(settings.BASE_DIR)
APPS = sorted(
    each.parent.parent for each in ROOT.glob("*/**/migrations/__init__.py") if ".venv" not in each.parts
)
OURS = ("tenancy", "memories")


def sources(folder):
    return {path: path.read_text() for path in folder.rglob("*.py")}


@pytest.mark.django_db
def test_models_and_migrations_say_the_same():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_there_are_apps_with_sql():
    assert {app.name for app in APPS} >= {*OURS}


def run_by_migrations(app):
    """The SQL files that the migrations of an app run, as often as they do."""
    text = "\n".join(sources(app / "migrations").values())
    return [app / "sql" / name for name in re.findall(r'run_sql_file\(SQL / "([^"]+)"\)', text)]


@pytest.mark.parametrize("app", APPS, ids=[app.name for app in APPS])
def test_every_sql_file_is_run_by_one_migration_or_read_by_the_code(app):
    forward = run_by_migrations(app)
    assert len(forward) == len({*forward})
    assert [path for path in forward if not path.exists()] == []
    backward = [path.with_suffix(".down.sql") for path in forward]
    assert [path for path in backward if not path.exists()] == []
    others = {*app.glob("sql/**/*.sql")} - {*forward} - {*backward}
    code = {path: text for path, text in sources(app).items() if "migrations" not in path.parts}
    unread = [
        path.name
        for path in others
        if sum(
            len(
                re.findall(
                    rf'"(?:{re.escape(path.name)}|{re.escape(path.stem)}|{re.escape(prefix_of(path))})', text
                )
            )
            for text in code.values()
        )
        < 1
    ]
    assert unread == []


def prefix_of(path):
    """``vectors_exact.sql`` may be named as ``f"vectors_{way}"``."""
    return path.stem.split("_")[0] + "_{"


class TestBothWays:
    @pytest.fixture
    def scratch(self, django_db_setup, django_db_blocker):
        """A database of its own on the tests' server, reached as its owner."""
        owner = connections["owner"]
        former = owner.settings_dict["NAME"]
        servers.database().provision("scratch")
        with django_db_blocker.unblock():
            owner.close()
            owner.settings_dict["NAME"] = "scratch"
            yield
            owner.close()
            owner.settings_dict["NAME"] = former

    def objects(self):
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT relkind, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')"
                " UNION ALL SELECT 'f', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')"
                " UNION ALL SELECT 'p', policyname FROM pg_policies UNION ALL SELECT 't', tgname FROM pg_trigger WHERE NOT tgisinternal"
                " ORDER BY 1, 2"
            )
            return cursor.fetchall()

    def test_down_to_nothing_and_up_again(self, scratch):
        call_command("migrate", database="owner", verbosity=0)
        full = self.objects()
        for app in reversed(OURS):
            call_command("migrate", app, "zero", database="owner", verbosity=0)
        left = [
            name
            for _, name in self.objects()
            if name.startswith(("memories_", "tenancy_", "memos_", "memoryvector_"))
        ]
        assert left == []
        call_command("migrate", database="owner", verbosity=0)
        assert self.objects() == full
