"""Other people's checkpoints: TensorFlow's, magenta.js', and how they are fetched."""
