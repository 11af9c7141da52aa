"""WHAT: notes and riffs, the token vocabularies, MIDI messages and files. Pure."""
