"""A reference of `benchmarks decode`: the decode as one unrolled graph in onnxruntime, where it is installed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config

Floats = NDArray[np.float32]
Decode = Callable[[Floats, Floats], NDArray[Any]]
OPSET = 17


def reference(config: Config, weights: Mapping[str, Floats]) -> Decode:
    """One session on one thread; z is projected once and the one-hot's row gathered, as ours."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = _Unrolled(config, weights).model()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def decode(z: Floats, noise: Floats) -> NDArray[Any]:
        return np.asarray(session.run(None, {"z": z[None], "noise": noise})[0])

    return decode


class _Unrolled:
    """Every step of a decode as nodes of one graph."""

    def __init__(self, config: Config, weights: Mapping[str, Floats]) -> None:
        self.config = config
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.count = 0
        names = list(lstm_names("cores.0.layers", config.decoder))
        depth = config.output_depth
        first = weights[names[0][0]]
        self.latent = self.keep(first[:, depth:].T)
        self.music = self.keep(first[:, :depth].T)
        self.inputs = ["", *(self.keep(weights[name[0]].T) for name in names[1:])]
        self.recurrences = [self.keep(weights[name[1]].T) for name in names]
        self.biases = [self.keep(weights[name[2]] + weights[name[3]]) for name in names]
        self.output = self.keep(weights["cores.0.output.weight"].T), self.keep(weights["cores.0.output.bias"])
        self.dense = (
            self.keep(weights["cores.0.initial.dense.weight"].T),
            self.keep(weights["cores.0.initial.dense.bias"]),
        )

    def keep(self, value: NDArray[Any]) -> str:
        """A constant of the graph."""
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """A node; the name of its output, or of its outputs."""
        names = [f"v{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def split(self, value: str, sizes: list[int]) -> list[str]:
        """Columns of a matrix."""
        parts: list[str] = self.node(
            "Split", value, self.keep(np.array(sizes, np.int64)), outputs=len(sizes), axis=1
        )
        return parts

    def model(self) -> bytes:
        """The graph, serialised."""
        config = self.config
        z_size, depth = config.latent, config.output_depth
        start = self.node("Tanh", self.node("Gemm", "z", *self.dense))
        states = self.split(start, [units for units in config.decoder for _ in "ch"])
        base = self.node("Gemm", "z", self.latent, self.biases[0])
        chances = self.node("Split", "noise", outputs=config.steps, axis=0)
        tokens: list[str] = []
        for chance in chances:
            below = self.node("Add", base, self.node("Gather", self.music, tokens[-1])) if tokens else base
            for i, units in enumerate(config.decoder):
                c, h = states[2 * i], states[2 * i + 1]
                gates = self.node("Add", below, self.node("MatMul", h, self.recurrences[i]))
                gate_i, gate_f, gate_g, gate_o = self.split(gates, [units] * 4)
                kept = self.node("Mul", self.node("Sigmoid", gate_f), c)
                new = self.node("Mul", self.node("Sigmoid", gate_i), self.node("Tanh", gate_g))
                c = self.node("Add", kept, new)
                h = self.node("Mul", self.node("Sigmoid", gate_o), self.node("Tanh", c))
                states[2 * i], states[2 * i + 1] = c, h
                if i + 1 < len(config.decoder):
                    below = self.node("Gemm", h, self.inputs[i + 1], self.biases[i + 1])
            logits = self.node("Add", self.node("Gemm", states[-1], *self.output), chance)
            tokens.append(self.node("ArgMax", logits, axis=1, keepdims=0))
        self.nodes.append(helper.make_node("Concat", tokens, ["tokens"], axis=0))
        graph = helper.make_graph(
            self.nodes,
            "decode",
            [
                helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, z_size]),
                helper.make_tensor_value_info("noise", TensorProto.FLOAT, [config.steps, depth]),
            ],
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, [config.steps])],
            self.constants,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        return bytes(made.SerializeToString())
