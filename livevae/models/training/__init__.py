"""One training loop for all families: tasks, batches, runs, evaluation."""
