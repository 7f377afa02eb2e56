"""Makes a local model faster and smaller, once per machine, model and version of the runtime."""

import os
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import structlog
from tokenizers import Tokenizer

from memories.embeddings import bert
from memories.embeddings.base import unit
from memories.embeddings.modelfiles import ModelFiles, in_folder, packaged, prepared_path
from memories.embeddings.session import hidden_states, open_session

log = structlog.get_logger(__name__)

# The mean cosine of token vectors before and after; rebuilding keeps 0.997, a wrong guess is far below.
ENOUGH = 0.99

PROBES = (
    "When did they move to the new house?",
    "She finished her first marathon in under four hours, although it rained from start to end.",
    "docker compose up -d failed: port 5432 is already in use (exit code 1)",
    "Grandpa's recipe wants two cups of flour, a pinch of salt and plenty of patience.",
    "The quarterly report is due on Friday; please send me your numbers by Wednesday noon.",
)


def prepare(directory: Path, folder: Path | None = None) -> Path:
    """The file to run a model from: rebuilt and kept in ``directory``, or the model's own if that cannot be.

    ``folder`` holds a model of one's own, otherwise it is the packaged one. Takes some seconds at first and
    nothing later; may run in several processes at once.
    """
    files = in_folder(folder) if folder else packaged()
    target = prepared_path(directory, files.model)
    if target.exists():
        return target
    try:
        model = _rebuilt(files)
    except Exception as error:  # the runtime's errors have no common base, and all mean the same here
        log.warning("the embedding model is used as it is", model=str(files.model), reason=str(error))
        return files.model
    _write(target, model)
    log.info("prepared the embedding model", model=str(files.model), prepared=str(target))
    return target


def _rebuilt(files: ModelFiles) -> onnx.ModelProto:
    folded = _folded(files.model)
    tokenizer = Tokenizer.from_file(str(files.tokenizer))
    tokenizer.no_padding()
    probes = [np.array(tokenizer.encode(text).ids[:64]) for text in PROBES]
    wanted = [hidden_states(open_session(files.model, threads=1), [ids])[0] for ids in probes]
    best = 0.0
    for model in _candidates(folded):
        session = open_session(model.SerializeToString(), threads=1)
        got = [hidden_states(session, [ids])[0] for ids in probes]
        agreement = float(np.mean([_cosines(a, b).mean() for a, b in zip(wanted, got, strict=True)]))
        if agreement >= ENOUGH:
            return model
        best = max(best, agreement)
    raise bert.NotRebuildable(f"the best attempt agrees with it to {best:.3f}, not {ENOUGH}")


def _candidates(folded: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """No ONNX file says how many attention heads it has: the usual sizes of a head are tried."""
    hidden = bert.Weights(folded).get("embeddings.word_embeddings.weight").shape[1]
    for signed, size in product((True, False), (32, 64)):
        if hidden % size == 0:
            yield bert.rebuild(folded, heads=hidden // size, signed=signed)


def _folded(model: Path) -> onnx.ModelProto:
    """The model with its constants computed, so that its weights are there to be read."""
    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(scratch) / "folded.onnx")
        options.log_severity_level = 3
        # Would hide the biases, by which the weights are found.
        unwanted = ["MatMulAddFusion"]
        onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], disabled_optimizers=unwanted
        )
        return onnx.load(options.optimized_model_filepath)


def _cosines(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray((unit(left) * unit(right)).sum(axis=1))


def _write(target: Path, model: onnx.ModelProto) -> None:
    """Put the file there whole or not at all, and remove what older versions made of the same model."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(model.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    for other in target.parent.glob(target.name.split("-")[0] + "-*.onnx"):
        if other != target:
            other.unlink(missing_ok=True)
