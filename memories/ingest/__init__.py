"""Conversations from files: exports, transcripts and JSONL become messages as by POST /v1/messages."""

from memories.ingest.base import Message, Refusal, UnknownFormat
from memories.ingest.files import FORMATS, Source, find_sources, opened
from memories.ingest.meters import Meter, meter
from memories.ingest.report import Tally, plan_text
from memories.ingest.run import Choices, ingest
from memories.ingest.stopping import stoppable
from memories.ingest.waiting import until_indexed
from memories.ingest.work import Work

__all__ = [
    "FORMATS",
    "Choices",
    "Message",
    "Meter",
    "Refusal",
    "Source",
    "Tally",
    "UnknownFormat",
    "Work",
    "find_sources",
    "ingest",
    "meter",
    "opened",
    "plan_text",
    "stoppable",
    "until_indexed",
]
