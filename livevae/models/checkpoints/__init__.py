"""Where models are kept: safetensors files, the shelf, the layout of tensors, identities. No torch."""
