"""Swappable backends, configured like Django's CACHES: a dict of aliases with BACKEND and OPTIONS."""

import os
from collections.abc import Iterator
from inspect import isabstract, signature
from threading import Lock
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string


class BackendHandler[B]:
    """The backends of one family by alias, each made on first use with its OPTIONS as keyword arguments.

    Subclasses name the setting and the class whose contract a backend keeps. Unlike the connections of
    Django's own handlers, a backend is shared by all threads of the process and must allow that: most
    are clients with a pool of connections, too dear to open anew for each thread.
    """

    settings_name: ClassVar[str]
    base: ClassVar[type[Any]]

    def __init__(self) -> None:
        self._reset()
        # A connection inherited through fork() would be spoken into by two processes at once.
        os.register_at_fork(after_in_child=self._reset)
        setting_changed.connect(self._setting_changed)

    def __getitem__(self, alias: str) -> B:
        """The backend of an alias; ImproperlyConfigured, naming the setting, if it cannot be made."""
        if alias not in self._made:
            with self._lock:
                if alias not in self._made:
                    self._made[alias] = self._make(alias)
        return self._made[alias]

    def __iter__(self) -> Iterator[str]:
        return iter(self._configured())

    def all(self) -> list[B]:
        """Every configured backend, made if need be: what a start-up check calls."""
        return [self[alias] for alias in self]

    def close_all(self) -> None:
        """Close the backends made so far; each opens again when it is used."""
        for backend in list(self._made.values()):
            cast(Any, backend).close()

    def _make(self, alias: str) -> B:
        backend_class, options = self._backend_class(alias), self._params(alias).get("OPTIONS", {})
        where = f"{self.settings_name}[{alias!r}]['OPTIONS']"
        if not isinstance(options, dict):
            raise ImproperlyConfigured(f"{where} must be a dict, not {options!r}.")
        try:
            signature(backend_class).bind(**options)
        except TypeError as error:
            raise ImproperlyConfigured(f"{where} does not fit {backend_class.__name__}: {error}.") from error
        try:
            return cast(B, backend_class(**options))
        except ValueError as error:
            raise ImproperlyConfigured(f"{where}: {error}") from error

    def _backend_class(self, alias: str) -> type[Any]:
        where = f"{self.settings_name}[{alias!r}]['BACKEND']"
        path = self._params(alias).get("BACKEND")
        if not isinstance(path, str):
            raise ImproperlyConfigured(f"{where} must be the dotted path of a class, not {path!r}.")
        try:
            found = import_string(path)
        except ImportError as error:
            raise ImproperlyConfigured(f"{where} cannot be imported from {path!r}: {error}") from error
        if not (isinstance(found, type) and issubclass(found, self.base)) or isabstract(found):
            raise ImproperlyConfigured(f"{where}: {path!r} is not a complete {self.base.__name__}.")
        return found

    def _params(self, alias: str) -> dict[str, Any]:
        configured = self._configured()
        if alias not in configured:
            raise ImproperlyConfigured(f"{self.settings_name} has no {alias!r}, only {list(configured)}.")
        params = configured[alias]
        if not isinstance(params, dict) or params.keys() - {"BACKEND", "OPTIONS"}:
            raise ImproperlyConfigured(
                f"{self.settings_name}[{alias!r}] must be a dict of BACKEND and OPTIONS, not {params!r}."
            )
        return params

    def _configured(self) -> dict[str, Any]:
        configured = getattr(settings, self.settings_name, None)
        if not isinstance(configured, dict):
            raise ImproperlyConfigured(f"{self.settings_name} must be a dict, not {configured!r}.")
        return configured

    def _reset(self) -> None:
        self._made: dict[str, B] = {}
        self._lock = Lock()

    def _setting_changed(self, *, setting: str, **kwargs: Any) -> None:
        """Tests change settings; what was made from the old ones is closed and forgotten."""
        if setting == self.settings_name:
            self.close_all()
            self._reset()
