"""Published checkpoints over the network: fetched whole, resumable, checked, then imported.

The addresses are those of Magenta's README (models/music_vae) and of magenta.js' checkpoints.json. The store that
they lie in says each file's size and checksums with every answer (`x-goog-hash`), and those are checked.
"""

import base64
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import numpy as np

from livevae.budget import file_bytes, json_value
from livevae.checksums import crc32c
from livevae.errors import LimitError, ModelError
from livevae.home import home
from livevae.models.foreign import import_model as foreign_import
from livevae.models.foreign.js_checkpoint import MANIFEST, MAX_MANIFEST, SETTINGS

TENSORFLOW = "https://storage.googleapis.com/magentadata/models/music_vae/checkpoints"
JAVASCRIPT = "https://storage.googleapis.com/magentadata/js/checkpoints"
PIECE = 1 << 18
PATIENCE = 30.0
"""Seconds without a byte after which a connection is given up."""

Progress = Callable[[str, int, int], object]
"""Called with a file's name, bytes that are here, and bytes in all (0: not known)."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint that can be fetched.

    Attributes:
        name: what `pull` calls it, and the model afterwards.
        config: its configuration; "" where its own settings say it.
        address: of the tar, or (magenta.js) of the folder.
        about: what it is.
    """

    name: str
    config: str
    address: str
    about: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a magenta.js folder."""
        return not self.address.endswith(".tar")


def _tar(name: str, about: str, config: str = "") -> Published:
    return Published(name, config or name, f"{TENSORFLOW}/{name}.tar", about)


def _js(name: str, about: str, folder: str = "music_vae") -> Published:
    return Published(name, "", f"{JAVASCRIPT}/{folder}/{name}", f"{about} (magenta.js)")


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        one.name: one
        for one in (
            _tar("cat-mel_2bar_big", "2-bar melodies"),
            _tar("hierdec-mel_16bar", "16-bar melodies"),
            _tar("hierdec-trio_16bar", "16-bar trios: melody, bass and drums; 2 GB"),
            _tar("cat-drums_2bar_small.lokl", "2-bar drums, for sampling", "cat-drums_2bar_small"),
            _tar("cat-drums_2bar_small.hikl", "2-bar drums, for interpolation", "cat-drums_2bar_small"),
            _tar("nade-drums_2bar_full", "2-bar drums of 61 instruments"),
            _tar("groovae_4bar", "4 bars of drums with dynamics and microtiming"),
            _tar("groovae_2bar_humanize", "a drum pattern, played by a human"),
            _tar("groovae_2bar_tap_fixed_velocity", "a tapped rhythm, played on drums"),
            _tar("groovae_2bar_add_closed_hh", "a closed hi-hat for a groove"),
            _tar("groovae_2bar_hits_control", "a groove for given hits", "groovae_2bar_hits_control_tfds"),
            _js("mel_2bar_small", "2-bar melodies, small"),
            _js("mel_4bar_small_q2", "4-bar melodies, small"),
            _js("mel_4bar_med_q2", "4-bar melodies, for interpolation"),
            _js("mel_4bar_med_lokl_q2", "4-bar melodies, for sampling"),
            _js("mel_16bar_small_q2", "16-bar melodies, small"),
            _js("mel_chords", "2-bar melodies over chords"),
            _js("drums_2bar_lokl_small", "2-bar drums, for sampling"),
            _js("drums_2bar_hikl_small", "2-bar drums, for interpolation"),
            _js("drums_2bar_nade_9_q2", "2-bar drums of 9 instruments, NADE"),
            _js("drums_4bar_med_q2", "4-bar drums, for interpolation"),
            _js("drums_4bar_med_lokl_q2", "4-bar drums, for sampling"),
            _js("trio_4bar", "4-bar trios, small"),
            _js("trio_16bar", "16-bar trios; 1.7 GB"),
            _js("tap2drum_1bar", "a tapped rhythm of 1 bar, played on drums", "groovae"),
            _js("tap2drum_2bar", "a tapped rhythm of 2 bars, played on drums", "groovae"),
            _js("tap2drum_3bar", "a tapped rhythm of 3 bars, played on drums", "groovae"),
            _js("tap2drum_4bar", "a tapped rhythm of 4 bars, played on drums", "groovae"),
        )
    }
)
"""What can be pulled, by name."""


def pull(name: str, progress: Progress = lambda *_: None) -> Path:
    """Fetch a published checkpoint and import it; gives the model's file.

    A fetch that was broken off goes on where it ended.

    Raises:
        ModelError: no such name, no connection, a file that does not fit its size or checksums, or a checkpoint
            that does not fit its configuration.
    """
    one = PUBLISHED.get(name)
    if one is None:
        raise ModelError(f"nothing is published as {name!r}; there are: {', '.join(PUBLISHED)}")
    folder = home() / "downloads" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if one.is_folder:
            path = folder
            fetched = _fetch_folder(one.address, folder, progress)
        else:
            path = folder / f"{name}.tar"
            fetched = [fetch(one.address, path, progress)]
        made = foreign_import.import_model(path, name, one.config)
        for file in fetched:
            file.unlink()
        folder.rmdir()
    except OSError as error:
        raise ModelError(f"{folder} cannot be used: {error.strerror or error}") from None
    return made


def _fetch_folder(address: str, folder: Path, progress: Progress) -> list[Path]:
    manifest = fetch(f"{address}/{MANIFEST}", folder / MANIFEST, progress)
    try:
        names = [
            str(name) for group in json_value(file_bytes(manifest, MAX_MANIFEST)) for name in group["paths"]
        ]
    except (ValueError, TypeError, KeyError, LimitError):
        manifest.unlink()
        raise ModelError(f"{address}/{MANIFEST} is not a manifest of weights") from None
    for name in names:
        if PurePosixPath(name).name != name or name in ("", ".", "..") or "\\" in name:
            manifest.unlink()
            raise ModelError(f"{address}/{MANIFEST} names a shard {name!r} outside its folder")
    others = [fetch(f"{address}/{quote(name)}", folder / name, progress) for name in [SETTINGS, *names]]
    return [manifest, *others]


def fetch(address: str, path: Path, progress: Progress = lambda *_: None) -> Path:
    """One file, unless it is here already.

    Args:
        address: http or https.
        path: where it goes; until it is whole it has `.part` after its name.
        progress: called with every piece.

    Raises:
        ModelError: no connection, no such file there, or bytes that do not fit what the store says of them.
    """
    if path.is_file():
        return path
    part = path.with_name(path.name + ".part")
    version = path.with_name(path.name + ".version")
    have = part.stat().st_size if part.is_file() and version.is_file() else 0
    request = urllib.request.Request(address)  # noqa: S310  (addresses are the table's own)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.read_text(encoding="utf-8"))
    host = urlsplit(address).hostname
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
            length = answer.headers.get("Content-Length")
            have = have if goes_on else 0
            total = have + int(length) if length is not None and length.isdigit() else 0
            version.write_text(answer.headers.get("ETag", ""), encoding="utf-8")
            hashes = _hashes(answer.headers.get_all("x-goog-hash") or [])
            with part.open("ab" if goes_on else "wb") as file:
                while piece := answer.read(PIECE):
                    file.write(piece)
                    have += len(piece)
                    progress(path.name, have, total)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            return fetch(address, path, progress)
        raise ModelError(f"{host} answers {error.code} {error.reason} for {address}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        went = f" after {have} bytes; the same command goes on from there" if have else ""
        raise ModelError(
            f"no connection to {host} ({reason}){went}. Offline? Fetch {address} on another machine, and"
            " `livevae model import` it here"
        ) from None
    _check(part, total, hashes, address)
    part.replace(path)
    version.unlink(missing_ok=True)
    return path


def _hashes(headers: list[str]) -> dict[str, bytes]:
    found = {}
    for item in ",".join(headers).split(","):
        kind, _, value = item.strip().partition("=")
        if kind in ("crc32c", "md5"):
            found[kind] = base64.b64decode(value)
    return found


def _check(part: Path, total: int, hashes: Mapping[str, bytes], address: str) -> None:
    size = part.stat().st_size
    if total and size < total:
        raise ModelError(
            f"the connection ended after {size} of {total} bytes of {address}; the same command goes on from there"
        )
    data = np.memmap(part, np.uint8, "r") if size else np.zeros(0, np.uint8)
    md5 = hashlib.md5(np.asarray(data).data, usedforsecurity=False).digest()
    fits = (not total or size == total) and hashes.get("md5", md5) == md5
    if fits and "crc32c" in hashes:
        fits = crc32c(data).to_bytes(4, "big") == hashes["crc32c"]
    if not fits:
        del data
        part.unlink()
        raise ModelError(f"what came from {address} does not fit its size or checksums; it was thrown away")
