"""Music files to training windows: readers, the sixteenth grid, windows, splits. No torch."""
