"""Music files, read without torch: lines, windows, data sets."""
