"""Rebuilds a BERT encoder's ONNX graph from its weights, in 8-bit arithmetic and fused operators.

Exported graphs carry weights that are unpacked to 32 bits at every start, and attention in some forty small
steps. The rebuilt graph keeps the weights in 8 bits, one scale per output column, and quantizes what flows
through it by token (one scale per row, as in ZeroQuant, Yao et al. 2022). With a scale per tensor, the usual
dynamic quantization, the vector of a text would depend on the texts beside it in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

type Array = npt.NDArray[Any]

MICROSOFT = "com.microsoft"
EPSILON = 1e-12


class NotRebuildable(Exception):
    """The graph is not the encoder this module knows."""


class Weights:
    """The parameters of a graph whose constants have been folded, by the names PyTorch gave them."""

    def __init__(self, model: ModelProto) -> None:
        self.arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._adders = {
            name: node for node in model.graph.node if node.op_type == "Add" for name in node.input
        }
        words = "embeddings.word_embeddings.weight"
        found = [name.removesuffix(words) for name in self.arrays if name.endswith(words)]
        if len(found) != 1:
            raise NotRebuildable(f"{len(found)} parameters are called …{words}")
        self._prefix = found[0]
        queries = [name for name in self.arrays if name.endswith(".attention.self.query.bias")]
        self.layers = len(queries)

    def get(self, name: str) -> Array:
        try:
            return np.asarray(self.arrays[self._prefix + name], np.float32)
        except KeyError:
            raise NotRebuildable(f"no parameter is called {self._prefix}{name}") from None

    def matrix(self, name: str) -> Array:
        """A linear layer's weights, inputs by outputs; exporters rename them, so the bias leads to them."""
        bias = self._prefix + name + ".bias"
        adder = self._adders.get(bias)
        for value in adder.input if adder else ():
            maker = self._makers.get(value)
            if maker and maker.op_type == "MatMul" and maker.input[1] in self.arrays:
                return np.asarray(self.arrays[maker.input[1]], np.float32)
        raise NotRebuildable(f"no matrix belongs to {bias}")


@dataclass
class _Graph:
    """A graph in the making; every method returns the name of the value it adds."""

    signed: bool
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str, *, domain: str = "", **attributes: Any
    ) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def normalized(self, value: str, weights: Weights, name: str) -> str:
        scale = self.constant(f"{name}.weight", weights.get(f"{name}.weight"))
        shift = self.constant(f"{name}.bias", weights.get(f"{name}.bias"))
        return self.node("LayerNormalization", [value, scale, shift], name, axis=-1, epsilon=EPSILON)

    def product(self, value: str, matrix: Array, name: str) -> str:
        """``value @ matrix`` in 8 bits, a scale for each row of the value and each column of the matrix."""
        packed, scales = quantized(matrix, axis=0)
        zero: Array = np.int8(0) if self.signed else np.uint8(128)  # type: ignore[assignment]
        if not self.signed:
            packed = (packed.astype(np.int16) + 128).astype(np.uint8)
        largest = self.node(
            "ReduceMax", [self.node("Abs", [value], f"{name}.abs"), "last"], f"{name}.max", keepdims=1
        )
        scale = self.node("Mul", [largest, "step"], f"{name}.scale")
        row_scale = self.node("Squeeze", [scale, "last"], f"{name}.row_scale")
        rows = self.node("QuantizeLinear", [value, row_scale, "row_zeros"], f"{name}.rows", axis=0)
        inputs = [
            rows,
            self.constant(f"{name}.packed", packed),
            "one",
            self.constant(f"{name}.column_scale", scales.reshape(-1)),
            "zero",
            self.constant(f"{name}.column_zero", np.asarray(zero)),
        ]
        # A scale per row is more than this operator knows, so that one is applied after it.
        return self.node(
            "Mul",
            [self.node("MatMulIntegerToFloat", inputs, f"{name}.raw", domain=MICROSOFT), scale],
            f"{name}.product",
        )

    def residual(self, value: str, before: str, weights: Weights, name: str) -> str:
        biased = self.node(
            "Add",
            [value, self.constant(f"{name}.dense.bias", weights.get(f"{name}.dense.bias"))],
            f"{name}.biased",
        )
        return self.normalized(
            self.node("Add", [biased, before], f"{name}.sum"), weights, f"{name}.LayerNorm"
        )


def quantized(matrix: Array, *, axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """A matrix as int8 and its scales along an axis; exact if it was unpacked from such a form."""
    scales = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-12).astype(np.float32) / np.float32(
        127
    )
    return np.rint(matrix / scales).astype(np.int8), scales


def rebuild(model: ModelProto, *, heads: int, signed: bool) -> ModelProto:
    """The same encoder in fused 8-bit operators, with the same inputs and its hidden states as only output.

    ``signed`` weights are faster; unsigned ones cannot overflow on x86 processors without VNNI.
    """
    weights = Weights(model)
    graph = _Graph(signed=signed)
    words = weights.get("embeddings.word_embeddings.weight")
    hidden = words.shape[1]
    if hidden % heads:
        raise NotRebuildable(f"{hidden} dimensions cannot be shared by {heads} heads")
    value = _embedding(graph, weights, words)
    graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    for name, width in (("batched", hidden), ("batched_qkv", 3 * hidden)):
        graph.node("Concat", ["shape", graph.constant(f"{name}.width", np.array([width]))], name, axis=0)
    for number in range(weights.layers):
        value = _layer(graph, weights, value, f"encoder.layer.{number}", heads=heads)
    output = model.graph.output[0]
    graph.node("Reshape", [value, "batched"], output.name)
    made = helper.make_graph(graph.nodes, "bert", list(model.graph.input), [output], graph.constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10, producer_name="memos")


def _embedding(graph: _Graph, weights: Weights, words: Array) -> str:
    """The sum of word, position and type, one row per token of the whole batch; words stay in 8 bits."""
    packed, scales = quantized(words, axis=1)
    graph.constant("last", np.array([-1]))
    graph.constant("one", np.array(1, np.float32))
    graph.constant("step", np.array(1 / 127, np.float32))
    graph.constant("zero", np.array(128, np.uint8))
    codes = graph.node("Gather", [graph.constant("words", packed), "input_ids"], "codes")
    scale = graph.node("Gather", [graph.constant("word_scales", scales), "input_ids"], "code_scales")
    value = graph.node(
        "Mul", [graph.node("Cast", [codes], "numbers", to=TensorProto.FLOAT), scale], "word_vectors"
    )
    # One text at a time: every token is of type 0, which can be added to the positions beforehand.
    positions = (
        weights.get("embeddings.position_embeddings.weight")
        + weights.get("embeddings.token_type_embeddings.weight")[0]
    )
    graph.node("Shape", ["input_ids"], "shape")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    first = graph.constant("first", np.array([0]))
    used = graph.node(
        "Slice", [graph.constant("positions", positions), first, length, first], "position_vectors"
    )
    flat = graph.constant("flat", np.array([-1, words.shape[1]]))
    value = graph.node("Reshape", [graph.node("Add", [value, used], "placed"), flat], "tokens")
    rows = graph.node("Shape", [value], "row_count", start=0, end=1)
    graph.node(
        "ConstantOfShape", [rows], "row_zeros", value=numpy_helper.from_array(np.array([128], np.uint8))
    )
    return graph.normalized(value, weights, "embeddings.LayerNorm")


def _layer(graph: _Graph, weights: Weights, value: str, name: str, *, heads: int) -> str:
    own = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    joined = graph.product(
        value, np.concatenate([weights.matrix(each) for each in own], axis=1), f"{name}.qkv"
    )
    joined = graph.node("Reshape", [joined, "batched_qkv"], f"{name}.qkv.batched")
    graph.nodes.append(helper.make_node("Split", [joined], own, name=f"{name}.split", axis=-1, num_outputs=3))
    bias = graph.constant(f"{name}.qkv.bias", np.concatenate([weights.get(f"{each}.bias") for each in own]))
    context = graph.node(
        "MultiHeadAttention", [*own, bias, "mask"], f"{name}.context", domain=MICROSOFT, num_heads=heads
    )
    context = graph.node("Reshape", [context, "flat"], f"{name}.context.flat")
    output = f"{name}.attention.output"
    value = graph.residual(
        graph.product(context, weights.matrix(f"{output}.dense"), output), value, weights, output
    )
    inner = f"{name}.intermediate.dense"
    wide = graph.product(value, weights.matrix(inner), inner)
    wide = graph.node(
        "BiasGelu",
        [wide, graph.constant(f"{inner}.bias", weights.get(f"{inner}.bias"))],
        f"{inner}.gelu",
        domain=MICROSOFT,
    )
    output = f"{name}.output"
    return graph.residual(
        graph.product(wide, weights.matrix(f"{output}.dense"), output), value, weights, output
    )
