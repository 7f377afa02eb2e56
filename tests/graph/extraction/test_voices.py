import pytest

from graph.extraction.voices import voices


def heard(text, speaker="Ada"):
    return [(text[each.start : each.end], each.name) for each in voices(text, speaker, ())]


def test_a_text_is_its_speakers():
    assert heard("I live in Rome. My cat is here.") == [("I live in Rome. My cat is here.", "Ada")]
    assert heard("") == []


@pytest.mark.parametrize("quotation", ['"I work at Lidl"', "“I'm at Lidl”", '"My sister works"'])
def test_a_quotation_is_somebody_elses(quotation):
    text = f"He said {quotation}, and I laughed."
    assert heard(text) == [("He said ", "Ada"), (quotation, ""), (", and I laughed.", "Ada")]


@pytest.mark.parametrize(
    "text",
    [
        'We read "War and Peace", I think.',
        'My 27" screen and my 5" phone.',
        '"I live in Rome."',
        "It's 'my' car, I said.",
        'The song "My Way" and the "head of my team".',
    ],
)
def test_marks_that_quote_nobody(text):
    assert heard(text) == [(text, "Ada")]


def test_quoted_lines_are_somebody_elses():
    assert heard("> I live in Rome\nMe too!") == [("> I live in Rome", ""), ("\nMe too!", "Ada")]
    assert heard("> I live in Rome\n> and sing") == [("> I live in Rome\n> and sing", "Ada")]


def test_a_transcript_has_a_voice_for_each_turn(said):
    text = (
        "Ada: I live in Bonn.\nMarco: I live in Rome.\nI like tea.\nAssistant: I like jazz.\n\nI play chess."
    )
    assert said(text) == {
        ("Ada", "lives_in", "Bonn"),
        ("Marco", "lives_in", "Rome"),
        ("Marco", "likes", "tea"),
        ("Ada", "plays", "chess"),
    }


@pytest.mark.parametrize("own", ["Me", "User", "Human"])
def test_the_turns_of_whoever_talks_with_an_assistant_are_the_speakers(own):
    assert [name for _, name in heard(f"{own}: I live in Bonn.\nAssistant: I am here.")] == ["Ada", ""]


@pytest.mark.parametrize(
    "text",
    [
        "Update: I moved.\nPS: I like it.",
        "Marco: I live in Rome.",
        "Pros: I like it.\nCons: I do.\n\nI work.",
        "Subject: I\nFrom: me",
    ],
)
def test_labels_make_no_transcript(text):
    assert heard(text) == [(text, "Ada")]


def test_what_others_say_of_themselves_is_not_the_speakers(said):
    assert said('My colleague wrote: "I live in Rome," said Marco. "And I work at Siemens."') == set()
    assert said('I live in Bonn. My friend said "my sister Clara works at Siemens".') == {
        ("Ada", "lives_in", "Bonn"),
        ("Clara", "works_at", "Siemens"),
    }
