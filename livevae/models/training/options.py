"""What a training run is asked to do."""

from dataclasses import dataclass, fields
from pathlib import Path

from livevae.errors import ModelError
from livevae.models.musicvae.config import configuration


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run of any family is asked to do; None takes the configuration's own value.

    Attributes:
        config: name of a configuration.
        run: folder of checkpoints and log.
        steps: where to end; or
        hours: how long to train, pauses not counted.
        batch: windows a step, of all processes together.
        learning_rate: at its highest; it rises over `warmup` steps and falls with a cosine to a hundredth.
        warmup: steps.
        vary: share of drum windows that are varied, see `batches.varied`.
        narrow: units of the encoder until `widen_at`, 0 for the configuration's own from the start.
        dropout: share of every layer's input.
        begin_with: a checkpoint whose weights the run begins with, those that fit.
        average: decay of the running average of weights, which is what is evaluated and exported.
        seed: of weights, order, transposition and noise.
        device: cpu, cuda.
        precision: float32 or bf16 (GPU).
        save_minutes: between checkpoints.
        test_windows: held-out windows looked at with each checkpoint.
    """

    config: str
    run: str
    steps: int | None = None
    hours: float | None = None
    batch: int = 64
    learning_rate: float | None = None
    warmup: int = 200
    vary: float = 0.0
    narrow: int = 0
    dropout: float | None = None
    begin_with: str = ""
    average: float = 0.999
    seed: int = 1
    device: str = "cpu"
    precision: str = "float32"
    save_minutes: float = 3.0
    test_windows: int = 512

    def __post_init__(self) -> None:
        if not self.steps and not self.hours:
            raise ModelError("training needs an end: --steps or --hours")
        if self.precision == "bf16" and self.device == "cpu":
            raise ModelError("--precision bf16 is for a GPU; on the CPU training is in float32")

    def values(self) -> dict[str, object]:
        """What was asked, by name: what a checkpoint's card tells. Whoever is given it need not know what lay where."""
        asked = {name: getattr(self, name) for name in names(type(self)) if name != "run"}
        return asked | {"begin_with": "/".join(Path(self.begin_with).parts[-2:])}


@dataclass(frozen=True, slots=True)
class Options(RunOptions):
    """What a run of a MusicVAE is asked to do.

    Attributes:
        max_beta: of the KL.
        beta_rate: beta = (1 - beta_rate ** step) * max_beta.
        free_bits: of a window.
        transpose: semitones down and up.
        sampled: share of the decoder's inputs that are its own samples at the end (scheduled sampling,
            decoded in one parallel pass); it grows from 0 at half of the run.
        widen_at: share of the run.
        keep_encoder: whether the decoder alone is trained: a prior and personas of the model begun with stay valid.
        rests: weight of the errors of a groove's velocities and offsets where nothing is struck.
        only_strokes: whether a groove's velocities and offsets alone are trained, see `strokes`.
        lengths: a curriculum, ((8, 0.05), (16, 0.15)): stretches of 8 steps until 5 % of the run, 16 until 15 %, then
            whole windows. To carry a few notes through z is learnt soon, and all of them from there.
    """

    max_beta: float | None = None
    beta_rate: float | None = None
    free_bits: float | None = None
    transpose: tuple[int, int] = (-7, 7)
    sampled: float = 0.0
    widen_at: float = 0.6
    keep_encoder: bool = False
    rests: float = 1.0
    only_strokes: bool = False
    lengths: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        RunOptions.__post_init__(self)
        config = configuration(self.config)
        if config.segments and self.lengths:
            raise ModelError(f"--lengths is for flat decoders; {config.name} decodes segment by segment")
        if self.narrow and (len(config.encoder) > 1 or config.encode_segments):
            raise ModelError(f"--narrow is for encoders of one layer; {config.name} has another")
        if self.keep_encoder and not self.begin_with:
            raise ModelError("--keep-encoder keeps that of the model that --begin-with names")
        if self.only_strokes and (not self.begin_with or config.learns != "groove"):
            raise ModelError("--only-strokes goes on with the groove model that --begin-with names")
        if self.only_strokes and self.narrow:
            raise ModelError("--only-strokes trains no encoder: leave --narrow out")
        if self.vary and config.learns not in ("drums", "groove"):
            raise ModelError(
                f"--vary is for drums and grooves of nine instruments; {config.name} plays others"
            )


def names(kind: type[RunOptions]) -> tuple[str, ...]:
    """The names of a kind of options."""
    return tuple(field.name for field in fields(kind))
