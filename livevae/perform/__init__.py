"""The hallway: requests, scene, session, voices, engine. asyncio, no sockets, no torch."""
