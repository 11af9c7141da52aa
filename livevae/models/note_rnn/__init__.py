"""An RNN over notes (pitch, step, duration), polyphonic. Only `torch_network` and `task` need torch."""
