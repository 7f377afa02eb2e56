"""The documentation says what there is: each setting, command, path and number, and none that is not."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from memories import importance
from memories.ranking import DEFAULT_PROFILE
from memos_project.local.credentials import NAMES
from tests.sources import COMMANDS, ROOT, metric_names, variables

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
SETTING = re.compile(r"\b(?:MEMOS_[A-Z_]+|[A-Z]+_(?:[A-Z_]+_)?URL|QDRANT_[A-Z_]+)\b")


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every table row, without the marks for code."""
    for line in read(REFERENCE / page).splitlines():
        if line.startswith("| "):
            yield [cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")]


def columns(page: str) -> dict[str, dict[str, str]]:
    """Tables by the name of a column: what it says of each row's first cell."""
    found: dict[str, dict[str, str]] = {}
    heads: list[str] = []
    for cells in rows(page):
        if set(cells[0]) <= {"-", " "}:
            continue
        if cells[0] in {"field", "signal", "term"}:
            heads = cells
            continue
        for head, cell in zip(heads[1:], cells[1:], strict=False):
            found.setdefault(head.strip(), {})[cells[0].strip()] = cell.strip()
    return found


def paths(patterns: list[Any], before: str = "/") -> Iterator[str]:
    for each in patterns:
        route = before + re.sub(r"<\w+:(\w+)>", r"{\1}", str(each.pattern))
        if isinstance(each, URLResolver) and str(each.pattern) != "admin/":
            yield from paths(each.url_patterns, route)
        elif isinstance(each, URLPattern | URLResolver):
            yield route


def test_every_variable_has_its_row() -> None:
    listed = {cells[0] for cells in rows("settings.md")}
    assert variables() - listed == set()


def test_no_row_for_a_variable_that_nothing_reads() -> None:
    listed = {cells[0] for cells in rows("settings.md") if re.fullmatch(r"[A-Z0-9_]{4,}", cells[0])}
    assert listed - variables() == set()


def test_every_command_has_its_heading() -> None:
    headings = set(re.findall(r"^### (\w+)$", read(REFERENCE / "commands.md"), re.MULTILINE))
    assert headings == set(COMMANDS)


def test_every_make_target_has_its_row() -> None:
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE)) - {"help"}
    assert {cells[0] for cells in rows("commands.md") if cells[0].startswith("make ")} == {
        f"make {each}" for each in targets
    }


def test_every_path_has_its_row() -> None:
    listed = {cells[0] for cells in rows("api.md") if cells[0].startswith("/")}
    assert listed == set(paths(get_resolver().url_patterns)) - {"/"}


def test_every_number_of_the_ranking_is_told_as_it_is() -> None:
    told = columns("ranking.md")
    for each in fields(DEFAULT_PROFILE):
        value = getattr(DEFAULT_PROFILE, each.name)
        if is_dataclass(value):
            assert told["default"][each.name] == "table"
            assert told[each.name] == {part.name: str(getattr(value, part.name)) for part in fields(value)}, (
                each.name
            )
        else:
            assert told["default"][each.name] == str(value), each.name


def test_every_metric_has_its_row() -> None:
    assert {cells[0] for cells in rows("metrics.md") if cells[0].startswith("memos_")} == metric_names()


def test_the_table_of_importance_is_the_one_in_use() -> None:
    page = read(DOCS / "explanation" / "importance.md")
    told = {
        name: float(weight)
        for name, weight in re.findall(r"^\| ([^|]+?) \| ([+-]?\d\.\d+) \|", page, re.MULTILINE)
    }
    assert told == {**importance.BASE_BY_ROLE, **{name: weight for name, weight, _ in importance.SIGNALS}}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_names_no_setting_that_is_not_there(self, page: Path) -> None:
        known = variables() | set(NAMES.values()) | {"MEMOS_VECTORS", "MEMOS_GRAPH"}
        known |= {f"{name}_FILE" for name in known} | compose_words()
        assert {name for name in SETTING.findall(read(page)) if name not in known} == set()

    def test_names_no_command_that_is_not_there(self, page: Path) -> None:
        named = set(re.findall(r"manage\.py ([a-z_]+)", read(page)))
        assert named - set(COMMANDS) - {"migrate", "createsuperuser", "changepassword", "shell"} == set()

    def test_names_no_target_that_is_not_there(self, page: Path) -> None:
        named = set(re.findall(r"`make ([a-z]+)", read(page)))
        assert named <= set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE))

    def test_links_lead_somewhere(self, page: Path) -> None:
        for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            wanted = (page.parent / file).resolve() if file else page
            assert wanted.exists(), target
            if anchor:
                assert anchor in anchors(wanted), target

    def test_json_is_json(self, page: Path) -> None:
        for block in re.findall(r"^```json\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL):
            json.loads(block)


def test_every_page_is_reached_from_the_index() -> None:
    index = read(DOCS / "README.md")
    assert [
        page
        for page in DOCS.rglob("*.md")
        if page.name != "README.md" and str(page.relative_to(DOCS)) not in index
    ] == []


def anchors(page: Path) -> set[str]:
    """The headings as GitHub makes addresses of them."""
    headings = re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def compose_words() -> set[str]:
    """Variables of the compose file's own."""
    return set(re.findall(r"\$\{(\w+)", read(ROOT / "docker-compose.yml")))
