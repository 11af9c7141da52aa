"""The rehearsal UI: what plays now, what comes next, and whether all is well. A process of its own."""
