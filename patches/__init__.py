"""Host-side files: what a performer loads in SuperCollider, TidalCycles, Strudel, Sonic Pi or Pure Data."""
