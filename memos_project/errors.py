"""What can go wrong in the domain, free of HTTP; ``api/problems.py`` knows the status of each."""

from collections.abc import Mapping


class MemosError(Exception):
    """A request that could not be done, said in a sentence for its caller."""

    def __init__(self, detail: str, *, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class InvalidInput(MemosError):
    """A value that is not allowed; ``field`` names it."""


class NotFound(MemosError):
    """No such thing among what this tenant owns."""


class Conflict(MemosError):
    """The thing exists already or changed meanwhile."""


class PreconditionFailed(MemosError):
    """The caller's If-Match names another version than the present one."""


class Forbidden(MemosError):
    """The key's scopes do not allow this."""


class Unavailable(MemosError):
    """A part this request cannot do without is down; trying again later may help."""


class InvalidItem(MemosError):
    """One item of a batch was refused; ``errors`` maps its fields to sentences."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(said)}" for field, said in errors.items()))
        self.errors = errors
