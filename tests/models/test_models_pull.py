"""Pulling: resumed where it was broken off, checked, and plain about being offline. The store is a loopback server."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from livevae.checksums import crc32c
from livevae.errors import ModelError
from livevae.models.checkpoints import shelf
from livevae.models.foreign import pull as pulling
from livevae.models.foreign.pull import PUBLISHED, fetch, pull
from livevae.models.musicvae.config import configuration

pytestmark = pytest.mark.real

CONTENT = bytes(range(256)) * 4000


class Store(BaseHTTPRequestHandler):
    """A small store of files: ranges, entity tags and hashes, as the real one has them."""

    def do_GET(self):
        server = self.server
        body = server.files.get(self.path)
        server.asked.append((self.path, self.headers.get("Range")))
        if body is None:
            self.send_error(404)
            return
        begin, status = 0, 200
        tag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        if (wanted := self.headers.get("Range")) and self.headers.get("If-Range") == tag:
            begin, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            if begin >= len(body):
                self.send_error(416)
                return
        crc, md5 = crc32c(body).to_bytes(4, "big"), hashlib.md5(body, usedforsecurity=False).digest()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) - begin))
        self.send_header("ETag", tag)
        self.send_header("x-goog-hash", f"crc32c={base64.b64encode(crc).decode()}")
        self.send_header("x-goog-hash", f"md5={base64.b64encode(md5).decode()}")
        self.end_headers()
        sent = server.garble(body)[begin : begin + server.most]
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        server.files, server.asked, server.most, server.garble = (
            {"/a": CONTENT},
            [],
            1 << 30,
            lambda body: body,
        )
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_with_progress_and_not_twice(server, tmp_path):
    seen = []
    path = fetch(f"{server.address}/a", tmp_path / "a", lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("a", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    fetch(f"{server.address}/a", tmp_path / "a")
    assert len(server.asked) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_fetch_that_broke_off_goes_on_where_it_ended(server, tmp_path):
    server.most = 300_000
    with pytest.raises(ModelError, match="goes on from there"):
        fetch(f"{server.address}/a", tmp_path / "a")
    assert not (tmp_path / "a").exists()
    server.most = 1 << 30
    assert fetch(f"{server.address}/a", tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == [("/a", None), ("/a", "bytes=300000-")]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, tmp_path):
    server.most = 300_000
    with pytest.raises(ModelError, match="goes on"):
        fetch(f"{server.address}/a", tmp_path / "a")
    server.most, server.files["/a"] = 1 << 30, CONTENT[::-1]
    assert fetch(f"{server.address}/a", tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_bytes_that_do_not_fit_their_checksums_are_thrown_away(server, tmp_path):
    server.garble = lambda body: body[:1000] + b"!" + body[1001:]
    with pytest.raises(ModelError, match="does not fit its size or checksums"):
        fetch(f"{server.address}/a", tmp_path / "a")
    server.garble = lambda body: body
    assert fetch(f"{server.address}/a", tmp_path / "a").read_bytes() == CONTENT


def test_a_missing_file_is_answered_with_the_servers_words(server, tmp_path):
    with pytest.raises(ModelError, match="answers 404"):
        fetch(f"{server.address}/b", tmp_path / "b")


def test_offline_it_says_so_and_what_to_do(server, tmp_path):
    address = server.address
    server.shutdown()
    server.server_close()
    with pytest.raises(ModelError, match=r"no connection to 127.0.0.1.*Offline\?.*model import"):
        fetch(f"{address}/a", tmp_path / "a")


def test_a_name_that_is_not_published_is_answered_with_those_that_are():
    with pytest.raises(ModelError, match=r"nothing is published as 'bassoon'.*cat-mel_2bar_big"):
        pull("bassoon")


def test_every_published_tar_has_a_configuration_that_there_is():
    for one in PUBLISHED.values():
        if not one.is_folder:
            assert configuration(one.config)
        assert shelf.NAME.fullmatch(one.name)


@pytest.mark.shared
def test_a_folder_of_shards_is_pulled_and_imported(server, tmp_path, monkeypatch, shared):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    for file in (shared / "reference" / "magenta_js" / "uint8").iterdir():
        server.files[f"/js/{file.name}"] = file.read_bytes()
    one = pulling.Published("mel_2bar_small", "", f"{server.address}/js", "")
    monkeypatch.setattr(pulling, "PUBLISHED", {one.name: one})
    assert pull("mel_2bar_small") == shelf.find("mel_2bar_small")
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == []


@pytest.mark.parametrize("shard", ["../up", "a/b", "/etc/passwd", ""])
def test_a_manifest_that_points_elsewhere_is_refused(server, tmp_path, monkeypatch, shard):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    manifest = json.dumps([{"paths": [shard], "weights": []}])
    server.files |= {"/js/weights_manifest.json": manifest.encode(), "/js/config.json": b"{}"}
    one = pulling.Published("x", "", f"{server.address}/js", "")
    monkeypatch.setattr(pulling, "PUBLISHED", {"x": one})
    with pytest.raises(ModelError, match="outside its folder"):
        pull("x")
    assert len(server.asked) == 1
