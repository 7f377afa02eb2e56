import stat

import kombu
import pytest
from django.core.exceptions import ImproperlyConfigured

from memos_project import env as reader
from memos_project.env import env
from memos_project.local import connections
from memos_project.local.connections import NOT_RUNNING, Connections

EMBEDDED = Connections(
    "postgresql://a@/memos?host=%2Fx", "postgresql://o@/memos?host=%2Fx", "redis://127.0.0.1:2/0"
)


@pytest.fixture(autouse=True)
def no_servers_named(monkeypatch):
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MEMOS_HOME", "NUMBER"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


class TestValues:
    @pytest.mark.parametrize(
        ("read", "value", "sentence"),
        [
            (env.int, "many", "NUMBER must be a whole number, not 'many'."),
            (env.int, "1.5", "NUMBER must be a whole number, not '1.5'."),
            (env.float, "1.2.3", "NUMBER must be a number, not '1.2.3'."),
            (env.float, "nan", "NUMBER must be a number, not 'nan'."),
            (env.bool, "maybe", "NUMBER must be true or false, not 'maybe'."),
        ],
    )
    def test_a_bad_one_is_refused_by_name(self, monkeypatch, read, value, sentence):
        monkeypatch.setenv("NUMBER", value)
        with pytest.raises(ImproperlyConfigured) as caught:
            read("NUMBER")
        assert str(caught.value) == sentence

    @pytest.mark.parametrize(
        ("value", "sentence"), [("0", "at least 1, not 0"), ("70000", "at most 65535, not 70000")]
    )
    def test_one_out_of_range_is_refused(self, monkeypatch, value, sentence):
        monkeypatch.setenv("NUMBER", value)
        with pytest.raises(ImproperlyConfigured, match=f"NUMBER must be {sentence}"):
            env.int("NUMBER", minimum=1, maximum=65535)

    def test_a_word_that_is_not_among_those_known_is_refused(self, monkeypatch):
        monkeypatch.setenv("NUMBER", "three")
        with pytest.raises(ImproperlyConfigured, match=r"^NUMBER must be one of one, two, not 'three'\.$"):
            env.choice("NUMBER", "one", among=["one", "two"])
        monkeypatch.setenv("NUMBER", "two")
        assert env.choice("NUMBER", "one", among=["one", "two"]) == "two"

    def test_a_missing_one_without_default_is_refused(self):
        with pytest.raises(ImproperlyConfigured, match="NUMBER must be set"):
            env.int("NUMBER")

    def test_an_empty_one_counts_as_missing(self, monkeypatch):
        monkeypatch.setenv("NUMBER", "")
        assert env.int("NUMBER", default=3) == 3

    def test_it_may_come_from_a_file(self, monkeypatch, tmp_path):
        (tmp_path / "secret").write_text("17\n")
        monkeypatch.setenv("FROM_FILE_FILE", str(tmp_path / "secret"))
        assert env.int("FROM_FILE") == 17

    def test_a_file_that_is_not_there_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv("NUMBER_FILE", str(tmp_path / "nothing"))
        with pytest.raises(ImproperlyConfigured, match="NUMBER_FILE names a file that cannot be read"):
            env.int("NUMBER", default=3)

    def test_a_dollar_is_a_character_like_others(self, monkeypatch):
        monkeypatch.setenv("NUMBER", "$ecret")
        assert env.str("NUMBER") == "$ecret"

    def test_lists_are_trimmed(self, monkeypatch):
        monkeypatch.setenv("NUMBER", "a, b,,c ")
        assert env.list("NUMBER") == ["a", "b", "c"]


class TestConnections:
    def test_nothing_answers_before_the_first_start(self, tmp_path):
        assert reader.connections(tmp_path) == NOT_RUNNING

    def test_those_of_the_running_servers_are_read(self, tmp_path):
        connections.write(tmp_path, EMBEDDED)
        assert reader.connections(tmp_path) == EMBEDDED

    def test_each_url_replaces_its_server_only(self, monkeypatch, tmp_path):
        connections.write(tmp_path, EMBEDDED)
        monkeypatch.setenv("REDIS_URL", "redis://elsewhere/1")
        found = reader.connections(tmp_path)
        assert found == Connections(EMBEDDED.database_url, EMBEDDED.database_owner_url, "redis://elsewhere/1")

    def test_one_database_url_serves_both_roles(self, monkeypatch, tmp_path):
        monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@elsewhere/db")
        found = reader.connections(tmp_path)
        assert found.database_owner_url == found.database_url == "postgresql://u:p@elsewhere/db"

    @pytest.mark.parametrize(
        ("name", "url", "sentence"),
        [
            (
                "DATABASE_URL",
                "mysql://u:word@h/db",
                "DATABASE_URL must begin with postgresql:// or postgres://",
            ),
            ("DATABASE_URL", "postgresql://u:word@[::1/db", "DATABASE_URL is not a PostgreSQL URL"),
            ("REDIS_URL", "localhost:6379", "REDIS_URL must begin with redis:// or rediss:// or unix://"),
        ],
    )
    def test_a_bad_url_is_refused_without_its_password(self, monkeypatch, tmp_path, name, url, sentence):
        monkeypatch.setenv(name, url)
        with pytest.raises(ImproperlyConfigured, match=sentence) as caught:
            reader.connections(tmp_path)
        assert "word" not in str(caught.value)

    def test_django_gets_the_socket_folder_as_it_is_written(self):
        config = env.db_url_config("postgresql://memos_app@/memos?host=%2Ftmp%2FA%20b&connect_timeout=3")
        assert (config["HOST"], config["NAME"], config["USER"]) == ("/tmp/A b", "memos", "memos_app")
        assert config["OPTIONS"] == {"connect_timeout": "3"}


class TestSecretKey:
    def test_it_is_made_once_and_kept_private(self, tmp_path):
        home = tmp_path / "new"
        key = reader.secret_key(home)
        assert reader.secret_key(home) == key
        assert len(key) >= 50
        assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700

    def test_a_given_one_is_taken(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SECRET_KEY", "mine")
        assert reader.secret_key(tmp_path) == "mine"
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_used_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ImproperlyConfigured, match="set MEMOS_HOME"):
            reader.secret_key(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    ("redis", "broker"),
    [
        ("rediss://:secret@there:1/2", "rediss://:secret@there:1/2"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:secret@/run/redis.sock?db=2", "redis+socket://:secret@/run/redis.sock?virtual_host=2"),
        ("unix:///r.sock?password=a@b&db=2", "redis+socket://:a%40b@/r.sock?virtual_host=2"),
    ],
)
def test_celery_has_another_name_for_a_socket(redis, broker):
    assert reader.broker_of(redis) == broker
    assert kombu.Connection(broker).transport_cls in ("redis", "rediss")
