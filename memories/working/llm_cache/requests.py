"""When two requests to a language model are the same, and when they are alike but for the last thing asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

# What says how an answer is delivered, or who asked, and not what it is.
DELIVERY = frozenset(
    {"stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier"}
)
# What makes one of several equally good answers: requests that differ in it are of one class.
SAMPLING = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"})
# Longer prompts are documents rather than questions, and take long to compare.
COMPARED_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Request:
    """What a language model is asked."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        """32 hexadecimal digits, equal for requests with the same model, messages and parameters."""
        return _digest("exact", self.model, self.messages, _without(self.parameters, DELIVERY))

    @property
    def prompt(self) -> str | None:
        """The last thing asked, where it is a user's text; None where no other request can be like this one."""
        last = self.messages[-1]
        content = last.get("content")
        if last.get("role") != "user" or not isinstance(content, str):
            return None
        return content if content.strip() and len(content) <= COMPARED_CHARACTERS else None

    def scope(self, embedding_model: str) -> UUID:
        """Equal for requests that differ in nothing but the prompt and the sampling; vectors of one model only."""
        before = [*self.messages[:-1], {**self.messages[-1], "content": None}]
        parameters = _without(self.parameters, DELIVERY | SAMPLING)
        return UUID(_digest("scope", self.model, before, parameters, embedding_model))


def _without(parameters: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in names and value is not None}


def _digest(*parts: Any) -> str:
    try:
        written = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number of more than 64 bits
        written = json.dumps(parts, sort_keys=True).encode()
    return hashlib.sha256(written).hexdigest()[:32]
