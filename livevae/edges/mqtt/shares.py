"""How many of the recipes that are due together go to workers, and how many are decoded here. Pure.

Workers come first: that is what they are asked for. But where every worker has something to do already, and the next
riff would be ready sooner here than there, it is decoded here, so that no processor waits for another.
"""

NEWEST = 0.2
"""How much the newest measurement counts in a mean."""

FORGOTTEN = 15.0
"""Seconds after which a worker that answered nothing more is not counted on."""

MOST_WORKERS = 256


class Shares:
    """Where riffs are decoded soonest, as far as was measured.

    Attributes:
        here: seconds a riff of decodes in this process; 0 where none was measured.
        there: seconds a riff of one worker, with its waiting; 0 where none was measured.
    """

    def __init__(self) -> None:
        self.here = 0.0
        self.there = 0.0
        self._seen: dict[str, float] = {}

    def decoded_here(self, count: int, seconds: float) -> None:
        """A batch was decoded in this process."""
        self.here = _mean(self.here, seconds / count)

    def decoded_there(self, worker: str, count: int, seconds: float, now: float) -> None:
        """A batch was decoded by a worker."""
        self.there = _mean(self.there, seconds / count)
        self._seen.pop(worker, None)
        self._seen[worker] = now
        while len(self._seen) > MOST_WORKERS:
            del self._seen[next(iter(self._seen))]

    def workers(self, now: float) -> int:
        """How many workers there are, as far as we know: 1 at least."""
        return max(1, sum(now - seen < FORGOTTEN for seen in self._seen.values()))

    def split(self, count: int, here: int, there: int, now: float) -> int:
        """How many of `count` jobs go to workers.

        Args:
            count: jobs that are due.
            here: jobs that are decoded in this process already, or wait for it.
            there: jobs that are at workers already.
            now: seconds.
        """
        workers, sent, kept = self.workers(now), 0, 0
        for _ in range(count):
            ours = (here + kept + 1) * self.here
            theirs = (there + sent + 1) / workers * self.there
            if there + sent < workers or not self.here or theirs <= ours:
                sent += 1
            else:
                kept += 1
        return sent


def _mean(before: float, value: float) -> float:
    return value if not before else before + NEWEST * (value - before)
