import shutil
import threading

import numpy as np
import onnx
import pytest

from memories.embeddings import bert, preparation
from memories.embeddings.modelfiles import packaged
from memories.embeddings.preparation import prepare
from memories.embeddings.session import hidden_states, open_session


def test_weights_stay_in_eight_bits(models):
    [file] = models.iterdir()
    assert file.stat().st_size < 30_000_000
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert {"MatMulIntegerToFloat", "MultiHeadAttention"} <= kinds
    assert "MatMul" not in kinds


def test_takes_the_inputs_of_the_plain_model(models):
    [file] = models.iterdir()
    names = [each.name for each in open_session(file, threads=1).get_inputs()]
    assert names == [each.name for each in open_session(packaged().model, threads=1).get_inputs()]


def test_is_done_once(models):
    [file] = models.iterdir()
    before = file.stat().st_mtime_ns
    assert prepare(models) == file
    assert file.stat().st_mtime_ns == before


def test_several_at_once_leave_one_whole_file(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(prepare(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*tmp_path.iterdir()] == [made[0]] == [made[1]]
    open_session(made[0], threads=1)


def test_what_an_older_runtime_left_is_removed(models, tmp_path):
    [file] = models.iterdir()
    old = tmp_path / f"{file.name.split('-')[0]}-1-ort0.9.onnx"
    other = tmp_path / "another-1-ort0.9.onnx"
    old.touch()
    other.touch()
    made = prepare(tmp_path)
    assert {*tmp_path.iterdir()} == {made, other}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(packaged().tokenizer, folder / "tokenizer.json")
    return folder


def graph_of_another_kind():
    node = onnx.helper.make_node("Cast", ["input_ids"], ["numbers"], to=1)
    shape = onnx.helper.make_node("Unsqueeze", ["numbers", "last"], ["hidden"])
    ids, mask = (
        onnx.helper.make_tensor_value_info(name, 7, ["b", "s"]) for name in ("input_ids", "attention_mask")
    )
    hidden = onnx.helper.make_tensor_value_info("hidden", 1, ["b", "s", 1])
    last = onnx.numpy_helper.from_array(np.array([-1]), "last")
    graph = onnx.helper.make_graph([node, shape], "other", [ids, mask], [hidden], [last])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("content", [b"no model at all", graph_of_another_kind().SerializeToString()])
def test_a_model_that_cannot_be_rebuilt_is_used_as_it_is(folder, tmp_path, content):
    (folder / "model.onnx").write_bytes(content)
    assert prepare(tmp_path / "models", folder) == folder / "model.onnx"
    assert not (tmp_path / "models").exists()


def test_a_rebuilt_model_that_answers_otherwise_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "ENOUGH", 1.1)
    assert prepare(tmp_path) == packaged().model


def test_a_wrong_number_of_heads_shows(models):
    folded = preparation._folded(packaged().model)
    ids = np.array([101, 2043, 2106, 2027, 2693, 102])
    [wanted] = hidden_states(open_session(packaged().model, threads=1), [ids])

    def agreement(**how):
        model = bert.rebuild(folded, **how).SerializeToString()
        [got] = hidden_states(open_session(model, threads=1), [ids])
        return preparation._cosines(wanted, got).mean()

    assert agreement(heads=12, signed=True) > 0.99
    # The form for processors on which signed weights could overflow.
    assert agreement(heads=12, signed=False) > 0.99
    assert agreement(heads=6, signed=True) < 0.98


def test_quantizing_what_was_quantized_changes_nothing():
    rng = np.random.default_rng(1)
    packed = rng.integers(-127, 128, (64, 8)).astype(np.int8)
    packed[0] = 127
    again, scales = bert.quantized(packed * np.float32(0.01), axis=0)
    np.testing.assert_array_equal(again, packed)
    np.testing.assert_allclose(scales, 0.01, rtol=1e-6)
