"""A Music Transformer: relative attention over tokens of many voices. Only `torch_network` and `task` need torch."""
