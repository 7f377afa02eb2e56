"""Runs an ONNX encoder."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

# Read when the library is loaded: it would otherwise gather usage data for its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

type Ids = npt.NDArray[np.int64]


def open_session(model: Path | bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """A session on the processor; with one thread it computes in the caller's and has none of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The arena keeps the largest batch's memory for ever; without it the cost is not measurable.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    # Threads that spin after each call make an idle worker cost a processor's time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def hidden_states(
    session: onnxruntime.InferenceSession, texts: Sequence[Ids]
) -> list[npt.NDArray[np.float32]]:
    """Each text's token vectors, special tokens included; the texts are one batch."""
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    output = session.get_outputs()[0].name
    [hidden] = session.run([output], {each.name: known[each.name] for each in session.get_inputs()})
    return [states[: len(text)] for states, text in zip(hidden, texts, strict=True)]
