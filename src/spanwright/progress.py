"""`Reporter`: how long work says what it does, without knowing who listens.

The library reports to this small surface; the command line draws bars from it, a test records it. Everything said also
goes to the logger `spanwright`, which is how it reaches `log.txt`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

LOG = logging.getLogger("spanwright")


class Advance(Protocol):
    """Call it to move a bar to `done`; `note` is a short text beside the bar, such as `loss 0.21, 1,540 tokens/s`."""

    def __call__(self, done: int, note: str = "") -> None:
        """Move the bar."""


class Reporter:
    """Says what happens; this one only logs. Subclasses draw."""

    def say(self, message: str) -> None:
        """One line that a person should see."""
        LOG.info(message)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A piece of work of `total` steps; yields the function that moves its bar."""

        def advance(done: int, note: str = "") -> None:
            LOG.debug("%s: %d of %d %s", name, done, total, note)

        yield advance


SILENT = Reporter()


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Append everything said inside the block to a file, and the traceback when the block ends in an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        LOG.error("Stopped by %s: %s", type(error).__name__, error, exc_info=True)
        raise
    finally:
        LOG.setLevel(before)
        LOG.removeHandler(handler)
        handler.close()
