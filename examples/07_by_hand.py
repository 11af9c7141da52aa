"""OSC by hand, with nothing but a socket: for those who bring their own language.

A string ends in a zero byte and fills up to a multiple of four; a message is its address, the types of its
arguments, and the arguments; the answer is the same, from livevae to this socket.

Run it beside `livevae serve`:  python examples/07_by_hand.py [HOST PORT]
"""

import socket
import struct
import sys


def string(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return raw + b"\0" * (-len(raw) % 4)


host, port = sys.argv[1:] or ("127.0.0.1", "7770")

message = string("/livevae/sample") + string(",sisf") + string("bars") + struct.pack(">i", 2)
message += string("temp") + struct.pack(">f", 0.9)

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(2.0)
    udp.sendto(message, (host, int(port)))
    answer = udp.recv(65536)

print(answer[: answer.index(b"\0")].decode())
print(answer)
