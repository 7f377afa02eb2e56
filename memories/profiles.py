"""Whose numbers rank a search: memOS's defaults, the tenant's own, the request's own, in this order."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, cast

import orjson

from memories.ranking import DEFAULT_PROFILE, Fusion, Mode, Profile, Weights
from memos_project.errors import InvalidInput
from memos_project.tenancy.callers import TenantInfo

LARGEST = 1_000_000
CHOICES: Mapping[str, tuple[str, ...]] = {
    "ranking.mode": ("hybrid", "vector", "text"),
    "ranking.fusion": ("scores", "rrf"),
}
# Where a number outside would divide by zero, leave the score's range or read without end.
RANGES: Mapping[str, tuple[float, float]] = {
    "strength": (0, 1),
    "half_life_days": (0.001, 100_000),
    "similarity_weight": (0, 1000),
    "importance_weight": (0, 1000),
    "recency_weight": (0, 1000),
    "long_length": (1, 100_000),
    "question_length": (1, 100_000),
    "k1": (0, 100),
    "b_short": (0, 1),
    "b_long": (0, 1),
    "window_own": (0, 100),
    "session_top": (1, 100),
    "reach": (0, 20),
    "fade": (0, 1),
    "linked": (0, 64),
    "linked_long": (0, 64),
    "late_depth": (0, 200),
    "alike_to": (1, 50),
    "late_fade": (0, 1),
    "stop_word_weight": (0, 1),
    "rank_constant": (1, 10_000),
}
SCORE_WEIGHTS = ("similarity", "importance", "recency")


def profile_of(
    tenant: TenantInfo,
    *,
    mode: str = "hybrid",
    fusion: str = "scores",
    weights: Mapping[str, float] | None = None,
) -> Profile:
    """The profile for a request. Who names weights means them: they then apply in full, unless a strength is named too."""
    profile = tenant_profile(orjson.dumps(tenant.overrides.get("ranking", {})))
    profile = replace(profile, mode=cast(Mode, mode), fusion=cast(Fusion, fusion))
    if not weights:
        return profile
    if not weights.keys() & {*SCORE_WEIGHTS}:
        return replace(profile, strength=float(weights.get("strength", profile.strength)))
    named: dict[str, Any] = {f"{name}_weight": float(weights.get(name, 0.0)) for name in SCORE_WEIGHTS}
    if not sum(named.values()):
        raise InvalidInput(
            "At least one of similarity, importance and recency must be above 0.", field="weights"
        )
    return replace(profile, **named, strength=float(weights.get("strength", 1.0)))


@lru_cache(maxsize=1024)
def tenant_profile(overrides: bytes) -> Profile:
    """A tenant's profile from the JSON of its overrides; raises InvalidInput naming what does not fit."""
    return with_overrides(DEFAULT_PROFILE, orjson.loads(overrides))


def with_overrides(profile: Profile, overrides: Mapping[str, Any]) -> Profile:
    """A profile with some fields replaced; nested weights may be given in part."""
    known = {each.name: getattr(profile, each.name) for each in fields(profile)}
    changes: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            raise InvalidInput(
                f"There is no such number; known are {', '.join(known)}.", field=f"ranking.{name}"
            )
        changes[name] = _fitting(f"ranking.{name}", known[name], value)
        low, high = RANGES.get(name, (-LARGEST, LARGEST))
        if not isinstance(known[name], str | Weights) and not low <= changes[name] <= high:
            raise InvalidInput(f"A number from {low} to {high}.", field=f"ranking.{name}")
    return replace(profile, **changes)


def _fitting(field: str, present: object, value: object) -> Any:
    if isinstance(present, Weights):
        known = {each.name for each in fields(present)}
        if not isinstance(value, dict) or set(value) - known:
            raise InvalidInput(f"An object with any of {', '.join(sorted(known))}.", field=field)
        return replace(
            present, **{name: _fitting(f"{field}.{name}", 0.0, each) for name, each in value.items()}
        )
    if field in CHOICES:
        if value not in CHOICES[field]:
            raise InvalidInput(f"One of {', '.join(CHOICES[field])}.", field=field)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput("A number.", field=field)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise InvalidInput(f"A number from -{LARGEST} to {LARGEST}.", field=field)
    return int(value) if isinstance(present, int) else float(value)
