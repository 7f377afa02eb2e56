"""The one reader of the environment. A value that cannot be used stops the start with a sentence naming it.

Every variable may also be given as NAME_FILE, the path of a file that holds the value.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

import environ
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from memos_project.local.connections import Connections, create_private, read

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
# With +s the connection is encrypted, with +ssc by a certificate that nobody vouches for.
GRAPH_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}


class Env(environ.FileAwareEnv):  # type: ignore[misc]
    """django-environ, stricter: it would read "maybe" as false, 1.2.3 as 12.3 and $x as another variable."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        raw = self._read(var)
        if not raw:  # compose files pass what is not set as an empty string
            if default is self.NOTSET:
                raise ImproperlyConfigured(f"{var} must be set.")
            return default
        try:
            return self.parse_value(raw, cast)
        except ValueError:
            expected = EXPECTED.get(cast, "in another form")
            raise ImproperlyConfigured(f"{var} must be {expected}, not {raw!r}.") from None

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        if cast is bool:
            if value.lower() not in TRUE | FALSE:
                raise ValueError(value)
            return value.lower() in TRUE
        if cast is float:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(value)
            return number
        if cast is list:
            return [part.strip() for part in value.split(",") if part.strip()]
        return super().parse_value(value, cast)

    def int(
        self,
        var: str,
        default: Any = environ.Env.NOTSET,
        *,
        minimum: int | None = None,
        maximum: int | None = None,
    ) -> int:
        return cast(int, within(var, self.get_value(var, int, default), minimum, maximum))

    def float(
        self,
        var: str,
        default: Any = environ.Env.NOTSET,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> float:
        return cast(float, within(var, self.get_value(var, float, default), minimum, maximum))

    def choice(self, var: str, default: str, *, among: Sequence[str]) -> str:
        """One of these words."""
        value = cast(str, self.get_value(var, str, default))
        if value not in among:
            raise ImproperlyConfigured(f"{var} must be one of {', '.join(among)}, not {value!r}.")
        return value

    def address(self, var: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """A URL with one of the schemes."""
        value = cast(str, self.get_value(var, str, default))
        if value and value.partition("://")[0] not in schemes:
            raise ImproperlyConfigured(
                f"{var} must begin with {' or '.join(f'{name}://' for name in schemes)}."
            )
        return value

    def database(self, var: str, default: str = "") -> str:
        """A PostgreSQL URL in any form libpq takes."""
        value = self.address(var, default, schemes=("postgresql", "postgres"))
        try:
            conninfo_to_dict(value)
        except psycopg.ProgrammingError as error:
            reason = str(error).strip().split(': "')[0]  # what follows is the URL with its password
            raise ImproperlyConfigured(f"{var} is not a PostgreSQL URL: {reason}.") from None
        return value

    @classmethod
    def db_url_config(cls, url: str, engine: str | None = None) -> dict[str, Any]:
        """Django's settings for a database, read as libpq reads it, with socket folders and options."""
        parts = conninfo_to_dict(url)
        known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        config: dict[str, Any] = {name: str(parts.pop(key, None) or "") for name, key in known.items()}
        return {**config, "ENGINE": engine or "django.db.backends.postgresql", "OPTIONS": parts}

    def _read(self, var: str) -> str:
        try:
            return str(self.ENVIRON.get(var, "")).rstrip("\r\n")
        except OSError as error:
            raise ImproperlyConfigured(
                f"{var}_FILE names a file that cannot be read: {error.strerror}."
            ) from None


def within[N: (int, float)](var: str, value: N, minimum: N | None, maximum: N | None) -> N:
    if minimum is not None and value < minimum:
        raise ImproperlyConfigured(f"{var} must be at least {minimum}, not {value}.")
    if maximum is not None and value > maximum:
        raise ImproperlyConfigured(f"{var} must be at most {maximum}, not {value}.")
    return value


env = Env()


def home(default: Path) -> Path:
    """The data folder; relative paths count from where the command was typed."""
    return Path(env.str("MEMOS_HOME", default=str(default))).expanduser().resolve()


def connections(home: Path) -> Connections:
    """The servers named by URLs, and for each that is not, the embedded one of this data folder."""
    embedded = read(home)
    database = env.database("DATABASE_URL")
    return Connections(
        database_url=database or embedded.database_url,
        database_owner_url=env.database("DATABASE_OWNER_URL", database) or embedded.database_owner_url,
        redis_url=env.address("REDIS_URL", schemes=("redis", "rediss", "unix")) or embedded.redis_url,
    )


def broker_of(redis_url: str) -> str:
    """The same Redis as Celery names it, which has another scheme for a socket's path."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    said = dict(parse_qsl(parts.query))
    secret = quote(said["password"], safe="") if "password" in said else None
    userinfo, at, _ = parts.netloc.rpartition("@")
    place = f":{secret}@" if secret and not at else f"{userinfo}{at}"
    return f"redis+socket://{place}{parts.path}?virtual_host={said.get('db', '0')}"


def secret_key(home: Path) -> str:
    """SECRET_KEY, or one made once and kept in the data folder."""
    given = env.str("SECRET_KEY", default="")
    if given:
        return str(given)
    path = home / "secret_key"
    try:
        if not path.exists():
            create_private(path, secrets.token_urlsafe(64))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {home} cannot be used ({error.strerror}): set MEMOS_HOME to one that can."
        ) from None
