"""Passwords that cost next to nothing, and count the work that was done."""

from argon2 import Parameters, Type

from phoenix.adapters.passwords import Passwords

CHEAP = Parameters(Type.ID, 19, 16, 32, time_cost=1, memory_cost=8, parallelism=1)


class CountedPasswords(Passwords):
    """Knows for how many passwords it did the work, and of how many of those nobody was the owner."""

    def __init__(self, profile: Parameters = CHEAP) -> None:
        super().__init__(profile)
        self.verified = 0
        self.of_nobody = 0
        self.hashed = 0

    def hash(self, password: str) -> str:
        self.hashed += 1
        return super().hash(password)

    def is_right(self, password: str, kept: str | None) -> bool:
        self.verified += 1
        self.of_nobody += kept is None
        return super().is_right(password, kept)
