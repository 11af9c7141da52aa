"""The names and shapes of a step-wise RNN's tensors; without torch, for all who read them.

Kernels are `[inputs, units]`, to be multiplied from the right. An LSTM's has rows [input, h] and columns i, j, f, o, as
TensorFlow's BasicLSTMCell; 1 is added to f when it runs.
"""

from livevae.models.melody_rnn.config import Config

Shape = tuple[int, ...]


def shapes(config: Config) -> dict[str, Shape]:
    """The shape of every tensor of a configuration, by name."""
    found: dict[str, Shape] = {}
    width = config.inputs
    for i, units in enumerate(config.layers):
        found[f"layers.{i}.kernel"], found[f"layers.{i}.bias"] = (width + units, 4 * units), (4 * units,)
        width = units
    if size := config.attended:
        state = 2 * (config.layers[0] if config.attention == "first" else sum(config.layers))
        dense = {
            "input": (config.inputs + size, config.inputs),
            "query": (state, size),
            "output": (2 * size, size),
        }
        for name, shape in dense.items():
            found[f"attention.{name}.kernel"], found[f"attention.{name}.bias"] = shape, shape[1:]
        found["attention.rows"], found["attention.vector"] = (size, size), (size,)
    found["output.kernel"], found["output.bias"] = (config.layers[-1], config.classes), (config.classes,)
    return found
