"""Questions to a language model behind any OpenAI-compatible endpoint, answered with JSON of a given shape.

What a model answers is a stranger's input: who asks hands over a function that takes the answer apart and raises
Unusable where it does not hold. Such an answer is sent back once with the reason.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from memos_project.breaker import CircuitBreaker, CircuitOpen

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

LONGEST_ANSWER = 200_000
BREAKER_FAILURES = 5
BREAKER_SECONDS = 30.0


class ModelUnavailable(Exception):
    """The model does not answer, is left alone for a while after failing repeatedly, or answers nothing of use."""


class Unusable(Exception):
    """An answer has not the shape that was asked for, in words that the model is told."""


class LanguageModel:
    """One model of one endpoint. May be used by several threads."""

    def __init__(self, *, url: str, key: str, model: str, timeout: float) -> None:
        import openai  # only where a model is asked: it takes a second and 40 MB

        self._model = model
        # The client insists on some key; a call is not repeated, so that the circuit breaker sees each failure.
        self._client = openai.OpenAI(base_url=url, api_key=key or "none", timeout=timeout, max_retries=0)
        self._breaker = CircuitBreaker(url, failures=BREAKER_FAILURES, seconds=BREAKER_SECONDS)
        # The client checks neither that an answer is JSON nor that it has the shape it expects.
        self._errors = (openai.APIError, ValueError, TypeError, AttributeError, LookupError, RecursionError)

    def ask[T](
        self,
        *,
        name: str,
        schema: Mapping[str, Any],
        instructions: str,
        question: Mapping[str, Any],
        read: Callable[[dict[str, Any]], T],
    ) -> T:
        """What ``read`` makes of the answer, a JSON object. Raises ModelUnavailable."""
        asked: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": json.dumps(question, ensure_ascii=False)},
        ]
        answer = self._completion(asked, name, schema)
        try:
            return read(_object(answer))
        except Unusable as error:
            asked += [
                {"role": "assistant", "content": answer[:LONGEST_ANSWER]},
                {
                    "role": "user",
                    "content": f"This cannot be used: {error}. Answer again with JSON of the schema.",
                },
            ]
        try:
            return read(_object(self._completion(asked, name, schema)))
        except Unusable as error:
            raise ModelUnavailable(f"The model's answer was unusable twice: {error}") from None

    def _completion(
        self, messages: "list[ChatCompletionMessageParam]", name: str, schema: Mapping[str, Any]
    ) -> str:
        try:
            with self._breaker.call():
                answer = self._client.chat.completions.create(
                    model=self._model,
                    messages=messages,
                    temperature=0,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": name, "strict": True, "schema": dict(schema)},
                    },
                )
                content = answer.choices[0].message.content
        except CircuitOpen as error:
            raise ModelUnavailable(f"The model {error}") from None
        except self._errors as error:
            # Not its text: endpoints like to repeat the key they refuse.
            status = getattr(error, "status_code", "")
            raise ModelUnavailable(f"{type(error).__name__} {status}".strip()) from None
        return content if isinstance(content, str) else ""


def _object(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST_ANSWER:
        raise Unusable(f"it is longer than {LONGEST_ANSWER} characters")
    try:
        parts = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"it is not JSON ({str(error)[:200]})") from None
    if not isinstance(parts, dict):
        raise Unusable("it is not a JSON object")
    return parts


def json_object(**properties: Any) -> dict[str, Any]:
    """The JSON schema of an object of exactly these properties."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip
