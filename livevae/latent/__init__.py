"""WHERE: vectors of MusicVAE's latent space, recipes, personas. numpy only."""
