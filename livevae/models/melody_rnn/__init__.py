"""Magenta's melody, improv and drums RNNs: encodings, network, continuation. Only `networks` and `task` need torch."""
