"""Whose turn it is: a choice that a seed makes anew each time round, the same in every process. Pure.

Laws:

of `count` turns, from a multiple of `count` on, each choice has one
of three choices or more, none has two turns in a row
"""

import hashlib


def pick(count: int, turn: int, seed: str) -> int:
    """Which of `count` choices has this turn, from 0 on; another seed, another order."""
    if count < 2:
        return 0
    round_, place = divmod(turn, count)
    order = _shuffled(count, round_, seed)
    if count > 2 and order[0] == _shuffled(count, round_ - 1, seed)[-1]:
        order[0], order[1] = order[1], order[0]
    return order[place]


def _shuffled(count: int, round_: int, seed: str) -> list[int]:
    def place(choice: int) -> bytes:
        return hashlib.blake2b(f"{seed}/{round_}/{choice}".encode(), digest_size=8).digest()

    return sorted(range(count), key=place)
