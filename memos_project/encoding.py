"""JSON as memOS writes it: datetimes in UTC with a Z, UUIDs as strings."""

import json
from typing import Any

import orjson

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def to_json(data: Any) -> bytes:
    """The data as JSON; integers of more than 64 bits too, which jsonb makes of large floats and orjson refuses."""
    try:
        return orjson.dumps(data, default=str, option=OPTIONS)
    except TypeError:
        return json.dumps(data, default=_plain).encode()


def _plain(value: Any) -> Any:
    """Any other value as orjson would have written it."""
    return orjson.loads(orjson.dumps(value, default=str, option=OPTIONS))
