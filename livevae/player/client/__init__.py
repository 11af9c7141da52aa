"""The server's end of the player: its process, what was sent, what may still sound."""
