"""The terminal: a snapshot drawn as cells."""
