"""An RNN over notes (pitch, step, duration), polyphonic, on the sixteenth grid. Only `torch_network` and `task` need torch."""
