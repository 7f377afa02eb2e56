import re
import time
from itertools import pairwise

import pytest

from memories.embeddings.chunking import Span, estimate, split


def words(text):
    return [match.start() for match in re.finditer(r"\S+", text)]


def chunks(text, *, limit=10, overlap=2, tokenize=words):
    return [text[span.start : span.end] for span in split(text, tokenize, limit=limit, overlap=overlap)]


def covered(text, spans):
    seen = set()
    for span in spans:
        seen.update(range(span.start, span.end))
    return all(index in seen or character.isspace() for index, character in enumerate(text))


def test_short_text_is_one_chunk_and_not_tokenized():
    def tokenize(text):
        raise AssertionError("needless")

    assert split("a few", tokenize, limit=10, overlap=2) == [Span(0, 5)]


@pytest.mark.parametrize("text", ["", " ", "\n\t  \n", "\u2003"])
def test_blank_text_has_no_chunks(text):
    assert split(text, words, limit=10, overlap=2) == []


def test_ends_with_a_sentence_rather_than_in_one():
    text = "One two three four five six seven. Eight nine ten eleven twelve thirteen fourteen."
    assert chunks(text, overlap=0)[0] == "One two three four five six seven."


def test_ends_with_a_paragraph_rather_than_a_sentence():
    text = "One two three. Four five six\n\nseven eight. Nine ten eleven twelve thirteen."
    assert chunks(text, overlap=0) == [
        "One two three. Four five six",
        "seven eight. Nine ten eleven twelve thirteen.",
    ]


def test_ends_at_a_word_when_there_is_no_sentence():
    text = " ".join(f"word{number}" for number in range(25))
    assert [len(chunk.split()) for chunk in chunks(text, overlap=0)] == [10, 10, 5]


def test_chunks_overlap_by_whole_words():
    text = " ".join(f"w{number}" for number in range(30))
    first, second, *_ = chunks(text, overlap=3)
    assert first.split()[-3:] == second.split()[:3]


def test_overlap_begins_with_a_whole_sentence_if_it_can():
    text = "a b c d e f. g h. i j k l m n o p."
    assert chunks(text, limit=8, overlap=4)[:2] == ["a b c d e f. g h.", "g h. i j k l m n"]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000,
        "memory " * 3_000,
        "これは長い文章です。そして続きます。" * 100,
        "🙂🧠" * 500,
        "a\n\nb\n\n" * 300,
        "  lead and trail  " * 200,
    ],
)
@pytest.mark.parametrize("tokenize", [words, estimate])
def test_every_character_is_in_a_chunk_and_every_chunk_within_the_limit(text, tokenize):
    spans = split(text, tokenize, limit=50, overlap=10)
    assert covered(text, spans)
    assert all(len(tokenize(text[span.start : span.end])) <= 51 for span in spans)
    assert all(earlier.start < later.start for earlier, later in pairwise(spans))


def test_long_text_is_cut_in_little_time():
    text = "The quick brown fox jumps over the lazy dog. " * 4_500
    began = time.process_time()
    assert covered(text, split(text, estimate, limit=160, overlap=28))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "at_least"),
    [("internationalization", 5), ("1234567890", 5), ("日本語", 6), ("🙂", 3), ("a, b", 3), ("", 0)],
)
def test_estimate_is_on_the_high_side(text, at_least):
    starts = estimate(text)
    assert len(starts) >= at_least
    assert list(starts) == sorted(starts)
