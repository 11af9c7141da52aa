"""Laws that more than one test asks of what was sent."""


def assert_each_on_has_its_off(sent):
    """No on without its off, none twice; messages have `port` and `data`."""
    sounding = set()
    for message in sent:
        kind, key = message.data[0] & 0xF0, (message.port, message.data[0] & 0x0F, message.data[1])
        if kind == 0x90:
            assert key not in sounding
            sounding.add(key)
        elif kind == 0x80:
            assert key in sounding
            sounding.remove(key)
    assert not sounding
