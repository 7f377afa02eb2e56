"""Each format as a list of messages, found out by looking."""

import json
import zipfile

import pytest

from memories.ingest import Refusal, UnknownFormat, find_sources, opened
from tests.memories.ingest.exports import BOATS, BREAD, TALK, chatgpt, claude, lines, node, turn


def read(path, format_name=None):
    found = []
    for source in find_sources(path, format_name):
        with opened(source) as (_, messages):
            found += list(messages)
    return found


def fields(found, *names):
    return [tuple(message.fields.get(name) for name in names) for message in found]


@pytest.fixture
def file(tmp_path):
    def write(content, name="conversations.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


class TestJsonl:
    def test_takes_each_line_as_it_is(self, file):
        found = read(
            file(lines({"content": "a", "external_id": "1"}, {"content": "b", "role": "tool"}), "x.jsonl")
        )
        assert fields(found, "content", "role") == [("a", None), ("b", "tool")]
        assert found[0].fields["external_id"] == "1"

    def test_same_line_twice_is_said_twice(self, file):
        first, second = read(file(lines({"content": "ok"}, {"content": "ok"}), "x.jsonl"))
        assert first.fields["external_id"] != second.fields["external_id"]

    def test_ids_stay_when_a_file_is_renamed_and_grows(self, file):
        before = read(file(lines({"content": "a"}), "x.jsonl"))
        after = read(file(lines({"content": "a"}, {"content": "b"}), "y.jsonl"))
        assert after[0].fields == before[0].fields

    def test_bad_lines_are_named_and_the_rest_goes_on(self, file):
        found = read(file('{"content": "a"}\n{"content": \n\n[1]\n{"content": "b"}', "x.jsonl"))
        assert [type(each).__name__ for each in found] == ["Message", "Refusal", "Refusal", "Message"]
        assert [each.place for each in found] == ["line 1", "line 2", "line 4", "line 5"]

    def test_byte_order_mark_is_passed_over(self, file):
        assert fields(read(file("\ufeff" + lines({"content": "a"}), "x.jsonl")), "content") == [("a",)]


class TestChatGpt:
    def test_follows_the_branch_that_was_shown(self, file):
        found = read(file([BREAD]))
        assert fields(found, "role", "content", "agent_id") == [
            ("user", "How warm must the oven be?", "gpt-x"),
            ("assistant", "250 degrees.", "gpt-y"),
            ("user", "And this loaf?\n[file: loaf.jpg]", "gpt-x"),
        ]
        assert {each.title for each in found} == {"Bread"}

    def test_times_are_moments_and_a_missing_one_is_that_before(self, file):
        assert fields(read(file([BREAD])), "occurred_at") == [
            ("2023-11-14T22:13:21.250000+00:00",),
            ("2023-11-14T22:13:24+00:00",),
            ("2023-11-14T22:13:24+00:00",),
        ]

    def test_without_current_node_the_last_one_counts(self, file):
        tree = chatgpt(
            node("u", "root", "user", "one"), node("a", "u", "assistant", "two"), current_node=None
        )
        assert fields(read(file([tree])), "content") == [("one",), ("two",)]

    @pytest.mark.parametrize(
        "odd",
        [
            {"current_node": ["x"]},
            {"mapping": {"a": {"parent": "a"}}},
            {"mapping": {"a": 1}},
            {"mapping": {}},
        ],
    )
    def test_odd_trees_give_nothing_and_end(self, file, odd):
        assert read(file([chatgpt(**odd)])) == []

    def test_one_conversation_by_itself(self, file):
        assert len(read(file(BREAD))) == 3


class TestClaude:
    def test_text_blocks_or_text(self, file):
        found = read(file([BOATS]))
        assert fields(found, "role", "content", "user_id", "conversation_id") == [
            ("user", "Larch or oak?", "account-1", "talk-1"),
            ("assistant", "Larch.\n\nIt lasts.", "account-1", "talk-1"),
            ("user", "Thanks\n[file: plan.pdf]", "account-1", "talk-1"),
        ]
        assert found[0].title == "Boats"
        assert found[0].fields["external_id"] == "claude:talk-1:h1"

    def test_follows_the_branch_that_was_used_last(self, file):
        talk = claude(
            turn("h1", "human", "one", at="2026-01-01T00:00:01Z", parent_message_uuid="none"),
            turn("c1", "assistant", "two", at="2026-01-01T00:00:02Z", parent_message_uuid="h1"),
            turn("h2", "human", "edited away", at="2026-01-01T00:00:03Z", parent_message_uuid="c1"),
            turn("h3", "human", "three", at="2026-01-01T00:00:04Z", parent_message_uuid="c1"),
        )
        assert fields(read(file([talk])), "content") == [("one",), ("two",), ("three",)]


class TestTranscript:
    def test_a_conversation_is_a_user_and_a_session_a_conversation(self, file):
        found = read(file(TALK))
        assert fields(found, "external_id", "user_id", "conversation_id", "speaker", "content") == [
            ("transcript:c1:D1:1", "c1", "c1/s1", "Ann", "Hello."),
            ("transcript:c1:D1:2", "c1", "c1/s1", "Bob", "Hi Ann."),
            ("transcript:c1:D2:1", "c1", "c1/s2", "user", "Again."),
        ]


class TestFiles:
    def test_zip_with_parts_in_order(self, tmp_path):
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data/conversations-001.json", json.dumps([BOATS]))
            archive.writestr("data/conversations-000.json", json.dumps([BREAD]))
            archive.writestr("user.json", "{}")
        assert [source.format.name for source in find_sources(path)] == ["chatgpt", "claude"]
        assert len(read(path)) == 6

    def test_zip_without_conversations(self, tmp_path):
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("user.json", "{}")
        with pytest.raises(UnknownFormat, match=r"no conversations\.json"):
            find_sources(path)

    @pytest.mark.parametrize("content", ["", "hello", "[]", "{}", "[1, 2]", '{"a": 1}', "\x00\x01"])
    def test_anything_else_is_none_of_the_formats(self, file, content):
        with pytest.raises(UnknownFormat, match="--format"):
            find_sources(file(content))

    def test_format_can_be_said(self, file):
        assert isinstance(read(file("{}"), "jsonl")[0].fields["external_id"], str)

    @pytest.mark.parametrize("name", ["chatgpt", "claude", "transcript"])
    def test_what_breaks_off_is_read_as_far_as_it_goes(self, file, name):
        whole = json.dumps({"chatgpt": [BREAD, BREAD], "claude": [BOATS, BOATS], "transcript": TALK}[name])
        *found, last = read(file(whole[:-12]))
        assert isinstance(last, Refusal)
        assert len(found) == {"chatgpt": 3, "claude": 3, "transcript": 0}[name]
