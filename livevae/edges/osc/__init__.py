"""OSC: bytes, the address table, timetags, answers, the UDP socket, and a small client."""
