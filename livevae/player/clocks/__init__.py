"""Clocks that the player follows or sends: MIDI clock, Ableton Link."""
