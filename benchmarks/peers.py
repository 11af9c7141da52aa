"""Other people's decoders as processes of their own: each times its decodes itself, so the pipe costs it nothing.

The child gets a folder with `case.json` (sizes, z's, noise) and the weights as Magenta names and lays them out:
`weights_manifest.json` and `weights.bin`, magenta.js' own format. It prints a JSON line when it is ready, and one with
`ms` and `tokens` for each line that it reads (the number of a z, and whether to use the noise).
"""

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import LivevaeError
from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config

Floats = NDArray[np.float32]


class Peer:
    """A running child that decodes."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """Start it and wait until it is ready.

        Raises:
            LivevaeError: it does not start, or ends; the message is its last words.
        """
        self._words = (folder / f"{len(list(folder.iterdir()))}.err").open("w+", encoding="utf-8")
        try:
            self._child = subprocess.Popen(
                [*command, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                text=True,
            )
        except OSError as error:
            self._words.close()
            raise LivevaeError(f"{command[0]} does not start: {error.strerror}") from None
        try:
            self.title = str(self._answer()["ready"])
        except LivevaeError:
            self.close()
            raise

    def decode(self, number: int, *, noisy: bool) -> tuple[float, NDArray[Any]]:
        """Milliseconds and tokens `[steps]` of z's `number`."""
        assert self._child.stdin is not None  # noqa: S101  (for the type checker)
        self._child.stdin.write(f"{number} {int(noisy)}\n")
        self._child.stdin.flush()
        found = self._answer()
        return float(found["ms"]), np.array(found["tokens"])

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None  # noqa: S101  (for the type checker)
        for line in self._child.stdout:
            with contextlib.suppress(ValueError):  # libraries chat on stdout too
                found = json.loads(line)
                if isinstance(found, dict):
                    return found
        self._words.seek(0)
        said = [line.strip() for line in self._words.read().splitlines()]
        errors = [line for line in said if "Error" in line] or said or ["it ended without a word"]
        raise LivevaeError(errors[-1][:200])

    def close(self) -> None:
        """End the child."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._child.communicate(timeout=1)
        self._child.kill()
        self._child.wait()
        self._words.close()


def write_case(folder: Path, config: Config, weights: Mapping[str, Floats], z: Floats, noise: Floats) -> None:
    """Write what a child decodes.

    Args:
        folder: is there and empty.
        config: a flat decoder of one softmax.
        weights: by `MusicVAE`'s own names.
        z: `[N, latent]`.
        noise: `[N, steps, classes]`.
    """
    variables = magenta_variables(config, weights)
    case = {"steps": config.steps, "classes": config.output_depth, "layers": len(config.decoder)}
    (folder / "case.json").write_text(json.dumps({**case, "z": z.tolist(), "noise": noise.tolist()}))
    listed = [
        {"name": name, "shape": list(value.shape), "dtype": "float32"} for name, value in variables.items()
    ]
    (folder / "weights_manifest.json").write_text(json.dumps([{"paths": ["weights.bin"], "weights": listed}]))
    (folder / "weights.bin").write_bytes(b"".join(value.tobytes() for value in variables.values()))


def magenta_variables(config: Config, weights: Mapping[str, Floats]) -> dict[str, Floats]:
    """A flat decoder under Magenta's names, and an encoder of one unit that nobody asks."""
    core = "cores.0"
    found: dict[str, NDArray[Any]] = {
        "decoder/z_to_initial_state/kernel": weights[f"{core}.initial.dense.weight"].T,
        "decoder/z_to_initial_state/bias": weights[f"{core}.initial.dense.bias"],
        "decoder/output_projection/kernel": weights[f"{core}.output.weight"].T,
        "decoder/output_projection/bias": weights[f"{core}.output.bias"],
    }
    for i, names in enumerate(lstm_names(f"{core}.layers", config.decoder)):
        w_ih, w_hh, b_ih, b_hh = (weights[name] for name in names)
        scope = f"decoder/multi_rnn_cell/cell_{i}/lstm_cell"
        found[f"{scope}/kernel"] = np.concatenate([_gates(w_ih), _gates(w_hh)], 1).T
        bias = _gates(b_ih + b_hh)
        bias[2 * len(bias) // 4 : 3 * len(bias) // 4] -= 1  # theirs is added by the cell
        found[f"{scope}/bias"] = bias
    for way in ("fw", "bw"):
        scope = f"encoder/cell_0/bidirectional_rnn/{way}/multi_rnn_cell/cell_0/lstm_cell"
        found[f"{scope}/kernel"] = np.zeros((config.input_depth + 1, 4))
        found[f"{scope}/bias"] = np.zeros(4)
    for head in ("mu", "sigma"):
        found[f"encoder/{head}/kernel"] = np.zeros((2, config.latent))
        found[f"encoder/{head}/bias"] = np.zeros(config.latent)
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


def _gates(rows: Floats) -> Floats:
    """From torch's i, f, g, o to TensorFlow's i, j, f, o."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, g, f, o])
