"""`livevae watch` on the command line."""

import pytest

from livevae.cli.rehearse import endpoint
from livevae.errors import LivevaeError


def test_watch_takes_a_host_a_port_or_both() -> None:
    assert endpoint("127.0.0.1:7771") == ("127.0.0.1", 7771)
    assert endpoint(":7771") == ("127.0.0.1", 7771)
    assert endpoint("stage.local") == ("stage.local", 7770)
    assert endpoint("[::1]:7771") == ("::1", 7771)
    with pytest.raises(LivevaeError, match="watch takes HOST:PORT"):
        endpoint("stage.local:music")
