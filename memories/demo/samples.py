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
    Question(
        "Why did we move to PostgreSQL?",
        "The decision and its reason, found among all that was said of other things.",
    ),
    Question(
        "Who works the early shift in the bakery?",
        "The answer stands beside the turn that has the question's words.",
    ),
    Question(
        "What did Ilias like most about the trip in July?",
        "The speaker and the month count as much as the words.",
    ),
)
