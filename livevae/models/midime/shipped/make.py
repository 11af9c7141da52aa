"""Train the personas that come with livevae anew: `python -m livevae.models.midime.shipped.make [MUSIC...]`.

To be run whenever the default model's weights or its learned prior change, because a persona speaks one model's z, or
one prior's u, only. With folders of music it finds the model's directions of attributes too.
"""

import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from livevae.errors import LivevaeError
from livevae.latent import attributes
from livevae.latent.personas import Persona
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.identity import identity_at
from livevae.models.midime import (
    files as persona_files,
    network as midime_network,
    train as midime_training,
    windows as persona_windows,
)
from livevae.models.musicvae import directions

HERE = Path(__file__).parent
RIFFS = HERE / "riffs"
LICENCES = {
    "arcade": "BSD-3-Clause (Freedoom), see riffs/README.md",
    "fiddle": "public domain (Ryan's Mammoth Collection, 1883), see riffs/README.md",
    "jig": "public domain (Ryan's Mammoth Collection, 1883), see riffs/README.md",
    "lied": "CC0 (OpenScore Lieder), see riffs/README.md",
}
"""The licence of each persona's riffs, which its file tells."""

BASES = {"jig": "cat-mel_2bar_12"}
"""The models of those that speak another than the default one."""

BETWEEN = ("jig",)
"""Those of points between riffs, as they were: what they play by a seed is a scene's tunes."""

MOST_WINDOWS = 4000
"""Windows that directions are found in."""


def main(arguments: list[str]) -> int:
    """Train all of them; the exit status."""
    console = Console(highlight=False, markup=False)
    try:
        base = midime_training.Base.open()
        for folder in sorted(path for path in RIFFS.iterdir() if path.is_dir()):
            own = midime_training.Base.open(BASES[folder.name]) if folder.name in BASES else base
            made = persona(folder, own)
            console.print(f"{made.name}: {made.about['windows']} windows, in {made.space}")
        if arguments:
            attributes_of(base, [Path(argument) for argument in arguments], console)
    except LivevaeError as error:
        console.print(f"livevae: {error}")
        return 1
    return 0


def persona(folder: Path, base: midime_training.Base) -> Persona:
    """The persona of one folder of riffs, written beside it."""
    found = persona_windows.read([folder], base.config)
    options = midime_network.Options(
        epochs=midime_network.usual_epochs(len(found.windows), base.config.music),
        space=midime_training.usual_space(base),
    )
    trained = midime_training.train(folder.name, found, base, options, exchanging=folder.name not in BETWEEN)
    made = replace(trained, about={**trained.about, "licence": LICENCES[folder.name]})
    persona_files.write(HERE / f"{folder.name}{persona_files.SUFFIX}", made)
    return made


def attributes_of(base: midime_training.Base, music: list[Path], console: Console) -> None:
    """The model's directions, found in music, written beside its weights."""
    windows = persona_windows.read(music, base.config).windows
    windows = windows[:: max(1, len(windows) // MOST_WINDOWS)]
    found = attributes.found(base.encode(windows).mu, directions.table(base.config, windows))
    bundled = {identity_at(entry.path) for entry in shelf.with_latent().values() if entry.bundled}
    for old in directions.KIND.shipped.glob(f"*{shelf.SUFFIX}"):
        if old.stem not in bundled:
            old.unlink()
    directions.save(directions.KIND.shipped / f"{base.identity}.safetensors", found, base.identity)
    console.print(f"directions of {', '.join(found.vectors)} in {len(windows)} windows")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
