"""livevae: MusicVAE and MidiMe personas, played in time."""

__version__ = "0.1.0"
