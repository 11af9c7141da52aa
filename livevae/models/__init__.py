"""The networks: torch lives here and nowhere else."""
