"""What the demonstration stores and asks. The people in it are made up."""

from dataclasses import dataclass
from pathlib import Path

TENANT = "default"
USER = "demo"
ACTOR = "command:demo"
FILES = sorted((Path(__file__).parent / "conversations").glob("*.jsonl"))


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask, and what is worth seeing in the answer."""

    text: str
    remark: str


QUESTIONS = (
    Question("What is Nora allergic to?", "Nobody ever said “allergic”: meaning, the speaker and the turns around it find the place."),
    Question("Which database does the workshop's app use now?", "SQLite in March, PostgreSQL since April."),
    Question("What did Ilias like best about the trip in July?", "The speaker and the month count as much as the words."),
)
