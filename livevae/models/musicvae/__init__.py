"""MusicVAE: configurations, vocabularies, networks, and the decoders that play live."""
