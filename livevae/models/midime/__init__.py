"""MidiMe personas: the network, its training, files and the book of those that are here."""
