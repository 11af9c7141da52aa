"""The session's book of personas: in memory, on disk, and trained in a process of its own. No torch."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livevae import whole_files
from livevae.children import environment
from livevae.errors import ModelError
from livevae.latent.personas import Persona, Personas
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.files import facts
from livevae.models.checkpoints.identity import identity_at
from livevae.models.midime import files as persona_files, fitting
from livevae.models.musicvae import directions, prior as priors
from livevae.music.notes import Riff

LONGEST_LINE = 1 << 16
LAST_WORDS = 400


class PersonaBook:
    """Fulfils `perform.personas.Book`.

    Attributes:
        personas: those that can be played now; decoders read from it.
    """

    def __init__(self, default: str = "") -> None:
        """A book for a server whose default model is `default`."""
        self.personas = Personas()
        self._default = default
        self._identities: dict[tuple[Path, tuple[int, ...]], str] = {}
        self._attributes: dict[str, tuple[str, ...]] = {}
        whole_files.sweep(persona_files.folder())
        whole_files.sweep_workshops()

    def identity(self, model: str) -> str:
        """Whose z a model by name speaks; "" is the default.

        Raises:
            ModelError: there is none.
        """
        path = shelf.find(model or self._default)
        key = (path, facts(path))
        if key not in self._identities:
            self._identities[key] = identity_at(path)
        return self._identities[key]

    def checked_name(self, name: str) -> str:
        """The name in its one spelling.

        Raises:
            ModelError: no persona can have it.
        """
        return persona_files.checked_name(name)

    def names(self) -> tuple[str, ...]:
        """Personas on disk."""
        return tuple(persona_files.entries())

    def find(self, name: str) -> Persona:
        """A persona from disk.

        Raises:
            ModelError: there is none, its file is broken, or it speaks the u of another prior.
        """
        persona = persona_files.load(name)
        if words := fitting.prior_trouble(persona):
            raise ModelError(words)
        return persona

    def prior(self, model: str) -> str:
        """The digest of a model's learned prior; "" where it has none.

        Raises:
            ModelError: there is no such model, or its prior is broken.
        """
        return priors.digest_of(self.identity(model))

    def describe(self, name: str) -> Mapping[str, Any]:
        """What a persona on disk says of its training.

        Raises:
            ModelError: there is none, or its file is broken.
        """
        plain = persona_files.checked_name(name)
        path = persona_files.place(plain)
        if not path.is_file():
            path = persona_files.SHIPPED / path.name
        return persona_files.describe(path).about

    def keep(self, persona: Persona) -> None:
        """Write a persona to the performer's folder.

        Raises:
            ModelError: it cannot be written.
        """
        persona_files.save(persona)

    def attributes(self, model: str) -> Sequence[str]:
        """Which attributes the model has directions for."""
        identity = self.identity(model)
        if identity not in self._attributes:
            found = directions.load(identity)
            self._attributes[identity] = tuple(found.vectors) if found is not None else ()
        return self._attributes[identity]

    async def train(
        self,
        name: str,
        model: str,
        takes: Sequence[Riff],
        epochs: int,
        on_progress: Callable[[int, int, float], None],
    ) -> Persona:
        """Train a persona in a process of its own.

        Args:
            name: what it will be called.
            model: whose z; "" is the default.
            takes: riffs that were played in.
            epochs: 0 is the usual number.
            on_progress: hears the epoch, of how many, and the loss.

        Raises:
            ModelError: it was not trained; the text says why.
        """
        with tempfile.TemporaryDirectory(prefix=whole_files.workshop()) as folder:
            out = Path(folder) / f"{name}{persona_files.SUFFIX}"
            wish = {
                "name": name,
                "model": str(shelf.find(model or self._default)),
                "epochs": epochs,
                "takes": [
                    {"length": take.length, "notes": [_note(note) for note in take.notes]} for take in takes
                ],
                "out": str(out),
            }
            await _work(wish, on_progress)
            persona = await asyncio.to_thread(persona_files.read, out)
        about = {
            **persona.about,
            "base": model or self._default or shelf.DEFAULT,
            "trained": datetime.now(UTC).isoformat(timespec="minutes"),
        }
        return replace(persona, name=name, about=about)


async def _work(wish: dict[str, Any], on_progress: Callable[[int, int, float], None]) -> None:
    """Run the worker to its end.

    Raises:
        ModelError: it said why not, or died.
    """
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livevae.models.midime.worker",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(), limit=LONGEST_LINE,
    )  # fmt: skip
    assert worker.stdin is not None  # noqa: S101  (for the type checker)
    assert worker.stdout is not None  # noqa: S101
    assert worker.stderr is not None  # noqa: S101
    why, done = "", False
    try:
        worker.stdin.write(json.dumps(wish).encode() + b"\n")  # left open: the worker ends where it does
        words = asyncio.ensure_future(worker.stderr.read())
        async for line in worker.stdout:
            report = json.loads(line)
            why, done = report.get("error", why), done or "done" in report
            if "epoch" in report:
                on_progress(report["epoch"], report["epochs"], report["loss"])
        last = (await words).decode(errors="replace").strip().splitlines()
        status = await worker.wait()
    except (OSError, ValueError) as error:
        raise ModelError(f"the training cannot be followed: {error}") from None
    finally:
        worker.stdin.close()
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    if not done:
        raise ModelError(
            why or f"the training died with status {status}: {(last or ['no word'])[-1][:LAST_WORDS]}"
        )


def _note(note: Any) -> list[int]:
    return [note.start, note.length, note.pitch, note.velocity, note.part]
