"""What server and player say to each other: commands, reports, and their JSON lines."""
