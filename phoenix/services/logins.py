"""Who lends what to log in to a host: the block by which it was last named.

The store remembers the block; the block is asked each time a connection is made.
"""

from collections.abc import Callable

from phoenix.adapters.ports import BlockLibrary
from phoenix.adapters.stores import TargetStore
from phoenix.domain.errors import PhoenixError
from phoenix.domain.logins import Lent, SshLogin
from phoenix.domain.targets import BlockName


class Logins:
    """What blocks lend.

    Args:
        store: Remembers which block names which host.
        blocks: Where they are.
        has_saved: Whether the store can hold any; see `Targets`.
    """

    def __init__(
        self, store: Callable[[], TargetStore], blocks: BlockLibrary, has_saved: Callable[[], bool]
    ) -> None:
        self._store = store
        self._blocks = blocks
        self._has_saved = has_saved

    def lent_for(self, host: str) -> Lent | None:
        """What logs in to a host; None where no block names it.

        Where the block cannot be read, or names another host by now, nothing is lent and it is said why: the user's
        own configuration may still open the way, to clean up for example.

        Args:
            host: The canonical target.
        """
        named = (
            [one for one in self._store().list() if one.uri == host and one.block]
            if self._has_saved()
            else []
        )
        if not named:
            return None
        block = BlockName(max(named, key=lambda one: one.created_at).block)
        try:
            found = self._blocks.target(block.name)
        except PhoenixError as fault:
            return Lent(block.canonical, SshLogin(), fault.message)
        if found.uri != host:
            return Lent(block.canonical, SshLogin(), f"it names {found.uri} by now")
        return Lent(block.canonical, found.login)
