"""The real-time process: its loop, its ports, the ledger of sounding notes, the wire to the server."""
