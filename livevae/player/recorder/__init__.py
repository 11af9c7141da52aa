"""The recorder, a process of its own: the tape of what was sent, kept as a MIDI file."""
