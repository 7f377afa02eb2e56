"""What can be known of image and compose file without a container engine: that they name what there is."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.core.management import load_command_class
from django_prometheus.middleware import Metrics
from prometheus_client import generate_latest
from psycopg.conninfo import conninfo_to_dict

from memos_project.local import postgres
from memos_project.local.postgres import Postgres
from tests.sources import COMMANDS, ROOT, metric_names, variables

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
# Set by the supervisor of `make run`, read by a library and not by memOS.
OF_LIBRARIES = {"PROMETHEUS_MULTIPROC_DIR"}


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)
    return asked.returncode == 0


class TestDockerfile:
    def test_copies_only_what_is_there_and_let_through(self) -> None:
        let_through = {
            line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
        }
        for instruction in instructions("COPY"):
            *sources, _ = [word for word in instruction.split() if not word.startswith("--chown")]
            if sources[0].startswith("--from="):
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in let_through, source

    def test_copies_from_stages_that_are_there(self) -> None:
        stages = {line.split(" AS ")[1] for line in instructions("FROM")}
        assert {each for line in instructions("COPY") for each in re.findall(r"--from=(\S+)", line)} <= stages
        assert COMPOSE["x-memos"]["build"]["target"] in stages

    def test_does_not_end_as_root(self) -> None:
        assert instructions("USER") == ["memos"]
        assert DOCKERFILE.index("\nUSER memos") < DOCKERFILE.index("\nCMD ")

    def test_installs_by_hash(self) -> None:
        assert "pip install --require-hashes" in DOCKERFILE

    def test_sets_only_variables_that_are_read(self) -> None:
        python = {
            "PATH",
            "PYTHONUNBUFFERED",
            "PYTHONDONTWRITEBYTECODE",
            "DJANGO_SETTINGS_MODULE",
            "PIP_NO_CACHE_DIR",
        }
        python |= {
            "PIP_DISABLE_PIP_VERSION_CHECK",
            "MALLOC_ARENA_MAX",
            "OPENBLAS_NUM_THREADS",
            "OMP_NUM_THREADS",
        }
        named = {pair.split("=")[0] for line in instructions("ENV") for pair in line.split() if "=" in pair}
        assert named - python <= variables()


class TestCompose:
    def test_every_image_has_a_version(self) -> None:
        for name, service in SERVICES.items():
            _, _, tag = service["image"].partition(":")
            assert tag not in ("", "latest"), name

    def test_names_only_variables_that_are_read(self) -> None:
        for name in OURS:
            for variable in SERVICES[name]["environment"]:
                assert variable.removesuffix("_FILE") in variables() | OF_LIBRARIES, variable

    def test_holds_no_secret(self) -> None:
        words = re.compile(r"PASSWORD|SECRET|API_KEY|AUTH|DATABASE\w*_URL|REDIS_URL")
        for name, service in SERVICES.items():
            for variable in service.get("environment", {}):
                assert not words.search(variable) or variable.endswith("_FILE"), f"{name}: {variable}"

    def test_every_secret_is_declared_and_made(self, tmp_path: Path) -> None:
        subprocess.run(["sh", DEPLOY / "make-secrets.sh", tmp_path], check=True, stdout=subprocess.DEVNULL)
        for name, secret in COMPOSE["secrets"].items():
            assert secret == {"file": f"deploy/secrets/{name}"}
            assert (tmp_path / name).read_text()
        for service in SERVICES.values():
            wanted = [
                each if isinstance(each, str) else each["source"] for each in service.get("secrets", [])
            ]
            assert set(wanted) <= set(COMPOSE["secrets"])
            files = {
                value
                for key, value in service.get("environment", {}).items()
                if key.endswith("_FILE") and value.startswith("/")
            }
            assert {Path(value).name for value in files} <= set(wanted)

    def test_every_file_and_volume_is_there(self) -> None:
        for service in SERVICES.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                assert (
                    (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
                ), volume

    def test_every_service_is_watched_and_waits_for_services_that_are_there(self) -> None:
        for name, service in SERVICES.items():
            waits = service.get("depends_on", {})
            assert set(waits) <= set(SERVICES)
            assert "healthcheck" in service or name in ("web", "prometheus"), name  # web's is the image's own
            for each, how in waits.items():
                if how["condition"] == "service_healthy":
                    assert "test" in SERVICES[each]["healthcheck"]

    def test_runs_commands_that_are_there(self) -> None:
        assert SERVICES["migrate"]["command"][:2] == ["python", "manage.py"]
        assert SERVICES["migrate"]["command"][2] in COMMANDS
        load_command_class("memos_project.local", SERVICES["migrate"]["command"][2])
        for name in ("worker", "beat"):
            assert SERVICES[name]["command"][:4] == ["celery", "--app", "memos_project", name]

    def test_the_example_names_what_the_file_reads(self) -> None:
        example = re.findall(r"^#?([A-Z0-9_]+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE)
        assert set(example) == set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))

    def test_the_graph_server_is_not_started_unasked(self) -> None:
        assert SERVICES["neo4j"]["profiles"] == ["graph"]

    @pytest.mark.skipif(not has_compose(), reason="there is no docker compose here")
    def test_compose_understands_it(self) -> None:
        subprocess.run(
            ["docker", "compose", "--file", ROOT / "docker-compose.yml", "config", "--quiet"], check=True
        )


class TestSecrets:
    def test_are_random_and_stay_as_they_are(self, tmp_path: Path) -> None:
        made = []
        for folder in ("one", "two", "one"):
            subprocess.run(
                ["sh", DEPLOY / "make-secrets.sh", tmp_path / folder], check=True, stdout=subprocess.DEVNULL
            )
            made.append({file.name: file.read_text() for file in (tmp_path / folder).iterdir()})
        assert made[0] == made[2]
        assert not set(made[0].values()) & set(made[1].values())
        assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o700

    def test_the_urls_are_those_of_the_services(self, tmp_path: Path) -> None:
        subprocess.run(["sh", DEPLOY / "make-secrets.sh", tmp_path], check=True, stdout=subprocess.DEVNULL)
        for name, role in {"database_url": postgres.APP, "database_owner_url": postgres.OWNER}.items():
            parts = conninfo_to_dict((tmp_path / name).read_text())
            assert (parts["user"], parts["dbname"], parts["host"]) == (role, postgres.DATABASE, "postgres")
        assert "@redis:6379" in (tmp_path / "redis_url").read_text()

    def test_git_does_not_take_them(self) -> None:
        assert (DEPLOY / "secrets" / ".gitignore").read_text().splitlines()[0] == "*"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    directory = tmp_path_factory.mktemp("postgres")
    # A server that refuses to be root runs as somebody who must be able to come in.
    for parent in (directory, *directory.parents[:2]):
        parent.chmod(parent.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    with postgres.running(directory, durable=False, dbname="another") as running:
        yield running


@pytest.mark.slow
class TestInitScript:
    @pytest.fixture(autouse=True)
    def _run(self, server: Postgres, tmp_path: Path) -> None:
        subprocess.run(["sh", DEPLOY / "make-secrets.sh", tmp_path], check=True, stdout=subprocess.DEVNULL)
        environ = {
            **os.environ,
            "PATH": f"{Path(postgres.binary('psql')).parent}:{os.environ['PATH']}",
            "PGHOST": str(server.sockets),
            "MEMOS_SECRETS": str(tmp_path),
            "MEMOS_PROVISION": str(postgres.PROVISION),
        }
        for _ in range(2):
            subprocess.run(["sh", DEPLOY / "postgres" / "10-memos.sh"], check=True, env=environ)

    def test_the_roles_have_passwords_and_no_rights_to_look_past_policies(self, server: Postgres) -> None:
        with psycopg.connect(server.superuser_dsn("memos")) as connection:
            found = connection.execute(
                "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, starts_with(rolpassword, 'SCRAM-SHA-256$')"
                " FROM pg_authid WHERE starts_with(rolname, 'memos_') ORDER BY 1"
            ).fetchall()
        assert found == [("memos_app", False, False, True, True), ("memos_owner", False, False, True, True)]

    def test_what_the_owner_makes_the_application_may_use_and_not_own(self, server: Postgres) -> None:
        with psycopg.connect(server.url(postgres.OWNER, "memos"), autocommit=True) as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS made (id int)")
        with psycopg.connect(server.url(postgres.APP, "memos"), autocommit=True) as app:
            app.execute("INSERT INTO made VALUES (1)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("DROP TABLE made")
            extensions = {name for (name,) in app.execute("SELECT extname FROM pg_extension")}
        assert {"vector", "pg_trgm", "unaccent", "btree_gin"} <= extensions


class TestPrometheus:
    def test_scrapes_the_web_service_where_it_listens(self) -> None:
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        [job] = config["scrape_configs"]
        assert (job["metrics_path"], job["static_configs"]) == ("/metrics", [{"targets": ["web:8000"]}])
        assert all((DEPLOY / "prometheus" / file).exists() for file in config["rule_files"])
        assert "web" in COMPOSE["x-memos"]["environment"]["ALLOWED_HOSTS"].split(":-")[1].rstrip("}").split(
            ","
        )

    def test_alerts_are_about_metrics_that_are_there(self) -> None:
        groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
        Metrics.get_instance()
        served = generate_latest().decode()
        known = metric_names()
        for rule in [rule for group in groups for rule in group["rules"]]:
            for name in re.findall(r"\b(?:memos|django)_\w+", rule["expr"]):
                assert name.removesuffix("_bucket") in known or name.removesuffix("_total") in served, name
