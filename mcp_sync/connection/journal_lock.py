"""One process at a time: the lock that is held for as long as a journal is open.

It is ``flock(2)`` on an empty file of its own beside the journal. A POSIX lock on the journal, such
as SQLite takes, ends as soon as this process closes any descriptor of that file (fcntl(2), "Record
locks"): a backup made by the program itself would lift it. ``flock`` belongs to the open file. It
ends with the process, however that ends, and a forked child can close its copy without unlocking.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Final

from ..errors import MCPConfigurationError

__all__ = ["JournalLock"]

_SUFFIX: Final = "-lock"

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW


class JournalLock:
    """A held lock; made by ``acquire``. Not safe for threads: its journal has a lock for them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @staticmethod
    def is_known(path: str) -> bool:
        """Whether there is a lock for this journal, held or not."""
        return os.path.lexists(path + _SUFFIX)

    @classmethod
    def acquire(cls, path: str) -> JournalLock:
        """Take the lock, making its file if need be, or fail at once.

        Args:
            path: the journal, without symbolic links.

        Raises:
            MCPConfigurationError: another process, or another client of this one, holds it.
            OSError: the file of the lock cannot be made.
        """
        lock = cls(os.open(path + _SUFFIX, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600))
        lock._take(path)
        lock._sign()
        return lock

    @classmethod
    def acquire_for_reading(cls, path: str) -> JournalLock | None:
        """Take the lock without making or changing a file; None where nobody ever took it."""
        try:
            lock = cls(os.open(path + _SUFFIX, os.O_RDONLY | _FLAGS))
        except FileNotFoundError:
            return None
        lock._take(path)
        return lock

    def _take(self, path: str) -> None:
        assert self._descriptor is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:  # whatever it was, the descriptor must not be left open
            holder = self._holder()
            self.abandon()
            if not isinstance(error, BlockingIOError):
                raise
            rule = f"is in use by {holder}; close that client, or use another file here"
            raise MCPConfigurationError("journal", path, rule) from error

    def _sign(self) -> None:
        """Leave the process's number for whoever finds the lock taken; it decides nothing."""
        assert self._descriptor is not None
        with contextlib.suppress(OSError):  # a full disk is no reason not to look into a journal
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def _holder(self) -> str:
        assert self._descriptor is not None
        text = os.pread(self._descriptor, 20, 0).strip()
        if text == b"%d" % os.getpid():
            return "another client of this process"
        return f"process {text.decode()}" if text.isdigit() else "another process"

    def release(self) -> None:
        """Unlock, for whatever forked child may have a copy of the descriptor as well."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.abandon()

    def abandon(self) -> None:
        """Close the descriptor alone: in a forked child, where the lock is the parent's."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
