"""Which service does a match use, and when may it start one of its own?

a service that lasts ──────────────► use it
nobody has the data ───────────────► start one, for as long as it takes
another command has the data ──────► wait until it is done with them, and look again

A service that another match has started is no place to be: it ends with that match.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from service.cli import address
from service.cli.address import Address, Work
from service.settings import Settings
from service.store.data_directory import InUseError, Layout, owner

# The locks of others are what there is to look at: no event tells that they are free.
POLL_SECONDS = 0.1

# Runs a service for as long as the work takes; raises InUseError where another one has the data.
Beside: TypeAlias = Callable[[Settings, Work], None]


@dataclass(slots=True)
class Turns:
    """Finds out whose turn it is; `say` is told once that it is not ours."""

    settings: Settings
    url: str | None
    say: Callable[[str], None]
    _has_said: bool = False

    def wait(self) -> Address | None:
        """Return the service to use; None when nobody is in the way of one of our own."""
        while True:
            found = address.seek(self.settings, self.url, address.lasting_url)
            if found is not None or self.settings.database_url is not None:
                return found
            other = owner(Layout.of(self.settings.data_dir))
            if other is None:
                return None
            self._tell(other)
            time.sleep(POLL_SECONDS)

    def take(self, run_beside: Beside, work: Work) -> bool:
        """Do the work with a service of our own; false when another command was faster."""
        was_faster = False
        try:
            run_beside(self.settings, work)
        except* InUseError:
            was_faster = True
        return not was_faster

    def _tell(self, other: str) -> None:
        if not self._has_said:
            self._has_said = True
            self.say(
                f"Waiting for process {other}, which has the data in {self.settings.data_dir} "
                "(beside 'matchstream serve' no match waits)."
            )
