"""Decodes as Magenta's TensorFlow graph does, for `benchmarks decode`. Run as a script; see `bench.peers`.

One thread; a while loop of LSTMBlockCells over [last output, z], then the dense layer. Needs tensorflow, and nothing
of livevae.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-not-found, import-untyped, unused-ignore]


def graph(case: dict[str, Any], variables: dict[str, Any]) -> Any:
    """The decode as a compiled function of z `[1, latent]` and noise `[steps, classes]`."""
    steps, classes, layers = case["steps"], case["classes"], case["layers"]
    kernels = [variables[f"decoder/multi_rnn_cell/cell_{i}/lstm_cell/kernel"] for i in range(layers)]
    biases = [variables[f"decoder/multi_rnn_cell/cell_{i}/lstm_cell/bias"] for i in range(layers)]
    units = [len(bias) // 4 for bias in biases]
    peephole = [tf.zeros([count]) for count in units]

    @tf.function(jit_compile=False)  # type: ignore[untyped-decorator, unused-ignore]
    def decode(z: Any, noise: Any) -> Any:
        dense = tf.matmul(z, variables["decoder/z_to_initial_state/kernel"])
        first = tf.split(
            tf.tanh(dense + variables["decoder/z_to_initial_state/bias"]), [u for u in units for _ in "ch"], 1
        )

        def step(t: Any, last: Any, states: Any, tokens: Any) -> Any:
            x = tf.concat([last, z], 1)
            new = []
            for i in range(layers):
                _, c, _, _, _, _, x = tf.raw_ops.LSTMBlockCell(
                    x=x, cs_prev=states[2 * i], h_prev=states[2 * i + 1], w=kernels[i], wci=peephole[i],
                    wcf=peephole[i], wco=peephole[i], b=biases[i], forget_bias=1.0, cell_clip=-1.0,
                )  # fmt: skip
                new += [c, x]
            logits = tf.matmul(x, variables["decoder/output_projection/kernel"])
            logits += variables["decoder/output_projection/bias"] + noise[t]
            token = tf.argmax(logits, 1, tf.int32)
            return t + 1, tf.one_hot(token, classes), new, tokens.write(t, token[0])

        state = (tf.constant(0), tf.zeros([1, classes]), first, tf.TensorArray(tf.int32, steps))
        return tf.while_loop(lambda t, *_: t < steps, step, state)[3].stack()

    return decode


def main(folder: Path) -> None:
    """Answer on stdout until stdin ends."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    case = json.loads((folder / "case.json").read_text())
    data = np.fromfile(folder / "weights.bin", "<f4")
    variables, at = {}, 0
    for entry in json.loads((folder / "weights_manifest.json").read_text())[0]["weights"]:
        size = int(np.prod(entry["shape"]))
        variables[entry["name"]] = tf.constant(data[at : at + size].reshape(entry["shape"]))
        at += size
    z, noise = tf.constant(case["z"]), tf.constant(case["noise"])
    silence = tf.zeros_like(noise[0])
    decode = graph(case, variables)
    decode(z[:1], silence)
    sys.stdout.write(json.dumps({"ready": f"TensorFlow {tf.__version__}, Magenta's graph"}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        number, noisy = (int(word) for word in line.split())
        one, chance = z[number : number + 1], noise[number] if noisy else silence
        begun = time.perf_counter()
        tokens = decode(one, chance).numpy()
        took = (time.perf_counter() - begun) * 1e3
        sys.stdout.write(json.dumps({"ms": took, "tokens": tokens.tolist()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
