"""The three roles. Each may do what the one before it may."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Look at everything but users, tokens of others and the audit."""
    OPERATOR = "operator"
    """Start, stop, promote, roll back, deploy, load, recover."""
    ADMIN = "admin"
    """Users, their roles and tokens, the audit."""

    @property
    def rank(self) -> int:
        return tuple(Role).index(self)

    def includes(self, other: "Role") -> bool:
        """Whether it may do all that `other` may."""
        return self.rank >= other.rank

    def at_most(self, other: "Role") -> "Role":
        """The smaller of both: a token may never do more than its owner."""
        return self if other.includes(self) else other
