"""The journal: queued calls on disk, so that they outlive their process.

It turns calls into rows and back, and knows neither links nor the queue. Whatever touches the disk
here must be called without the state lock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import MCPConnectionError, MCPError, MCPTimeoutError
from ..types.journal import JournalSettings
from .call import Call, Keeper
from .journal_rows import Entry, JournalRow, call_of, row_of, was_sent_here, with_key
from .log_facts import GuardedLog, about
from .worker import start_worker

if TYPE_CHECKING:
    from .journal_file import JournalFile

__all__ = ["Journal"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))


class Journal:
    """Keeps the calls of one connection on disk while they are queued. Safe for any thread.

    A row is deleted when its call is settled. The deletion of a call that was sent may come late,
    on a thread of its own, or be lost with the process: the row then says that the call was sent,
    or that it may be repeated, so nothing runs twice. A call that was not sent is deleted before
    anybody is told that it will not be.

    Args:
        settings: where, and what the next process does with it.
    """

    def __init__(self, settings: JournalSettings) -> None:
        self.settings = settings
        self.path = str(Path(settings.path).absolute())
        self._file: JournalFile | None = None
        self._disk = threading.Lock()
        """Held while the file is used; no other lock but ``_books`` is taken under it."""
        self._books = threading.Lock()
        """Guards what follows; a leaf, never held while anything happens."""
        self._due: list[int] = []
        """Ids of rows that the next write, or the sweeper, deletes."""
        self._is_sweeping = False
        self._found: list[Call] = []
        self._unseen: list[Entry] = []
        """Found entries that failed; they stay until somebody asked for them."""
        self._was_asked = False
        self._marked_in_vain: list[Entry] = []
        self._last_id = 0
        self._is_the_parents = False

    @property
    def is_open(self) -> bool:
        """Whether calls can be kept."""
        return self._file is not None

    def open(self, keeper: Keeper, max_replays: int) -> list[Call]:
        """Open the file if it is closed, and make calls of what it holds.

        Args:
            keeper: the connection that will carry them.
            max_replays: how often a process may send again what others had sent (at least once).

        Returns:
            The calls to queue, in order; none when the file was open already.

        Raises:
            MCPConfigurationError: the file is in use, foreign, damaged, newer, or cannot be opened.
        """
        with self._disk:
            if self._file is not None or self._is_the_parents:
                return []
            from .journal_file import JournalFile  # noqa: PLC0415 - nobody else needs SQLite

            file = JournalFile.open(self.path)
            rows, file.rows = file.rows, []
            # Never below what this process has given out: a late deletion must not meet a new row.
            self._last_id = max([self._last_id, *(row.id for row in rows)])
            calls = [call_of(row, keeper, self.settings, max_replays) for row in rows]
            with self._books:
                self._found, self._was_asked = calls, False
                self._unseen = [call.entry for call in calls if call.done() and call.entry]
            self._file = file
        queued = [call for call in calls if not call.done()]
        for call in queued:
            Future.add_done_callback(call, self._settled)
        self._tell(len(queued), len(calls) - len(queued))
        return queued

    def _tell(self, queued: int, failed: int) -> None:
        if failed:
            _log.warning(
                "the journal %s holds %d calls that are not sent again, because a previous process "
                "may have executed them or their time is over; recovered() gives them",
                self.path,
                failed,
            )
        if queued:
            _log.info("%d calls from the journal %s are queued again", queued, self.path)

    def recovered(self) -> list[Call]:
        """The calls that were found at the last opening, in order.

        Those among them that failed are deleted from the file when it is closed in order, if they
        were asked for; else the next process finds them again.
        """
        with self._books:
            self._was_asked = True
            return list(self._found)

    def with_key(self, params: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Put a key for the server into params, if calls are to be sent at least once.

        Raises:
            TypeError: there is a ``_meta`` that is no mapping.
        """
        return with_key(params, self.settings)

    def accept(self, calls: Sequence[Call], queue_ttl: float | None) -> None:
        """Write calls to the disk that are about to be queued.

        Args:
            calls: those that are in the journal already do not matter.
            queue_ttl: seconds that they may be queued, where they have no deadline of their own;
                None for no limit.

        Raises:
            MCPError: they could not be written, and must not be queued.
        """
        with self._disk:
            fresh = [call for call in calls if call.entry is None]
            rows = [self._row(call, queue_ttl) for call in fresh]
            try:
                self._write(new=rows)
                for call, row in zip(fresh, rows, strict=True):
                    call.entry = Entry(row, found=False)
            except MCPError:
                raise
            except BaseException:  # an interrupt, after which nobody knows whether they are there
                self._discard(row.id for row in rows)
                raise
        for call in fresh:
            call.note("written to the journal")
            Future.add_done_callback(call, self._settled)

    def adopt(self, calls: Sequence[Call], queue_ttl: float | None) -> None:
        """Write calls to the disk that are queued already; a failure is told to the log alone."""
        try:
            self.accept(calls, queue_ttl)
        except MCPError as error:
            _log.warning("%d calls to be sent again are in memory alone: %s", len(calls), error)

    def _row(self, call: Call, queue_ttl: float | None) -> JournalRow:
        self._last_id += 1
        return row_of(call, self._last_id, queue_ttl, self.settings)

    def mark(self, call: Call) -> None:
        """Note on the disk that a call is about to be sent, so that no other process sends it.

        Raises:
            MCPError: it could not be noted, and must not be sent.
        """
        entry = call.entry
        assert entry is not None
        if entry.sent == entry.before:
            with self._disk:
                self._write(sent=[(entry.id, entry.digest, entry.before + 1)])
            entry.sent = entry.before + 1

    def unmark(self, call: Call) -> None:
        """Note on the disk that a marked call was not sent after all, unless it was before."""
        entry = call.entry
        assert entry is not None
        if was_sent_here(call):
            return
        try:
            with self._disk:
                self._write(sent=[(entry.id, entry.digest, entry.before)])
        except MCPError as error:
            text = "%s was not sent, and is still marked: %s"
            _log.warning(text, call.method, error, extra=about(call))
        else:
            entry.sent = entry.before

    def drop(self, calls: Iterable[Call]) -> None:
        """Delete calls that are about to be told that they will not be sent."""
        entries = [call.entry for call in calls if call.entry is not None]
        for entry in entries:
            entry.is_gone = True
        if not entries:
            return
        self._discard(entry.id for entry in entries)
        try:
            self._flush()
        except MCPError as error:
            _log.error(
                "%d calls are withdrawn, but the next process may send them: %s",
                len(entries),
                error,
            )

    def keeps(self, call: Call) -> bool:
        """Whether the next process may send a queued call that this one does not send (again)."""
        return call.entry is not None and (call.repeatable or not was_sent_here(call))

    def keep(self, call: Call, error: MCPError) -> MCPError:
        """Leave an unsent call that is about to be settled to the next process.

        Memory alone; may be called under the state lock.

        Args:
            call: not sent, or to be sent again.
            error: why it fails in this process.

        Returns:
            An error of the same kind that says that it is kept; the same one for a call that is
            not in the journal, or must not be sent again by another process.
        """
        entry = call.entry
        if entry is None or not self.keeps(call):
            return error
        entry.is_kept = True
        if entry.sent != entry.before:
            self._marked_in_vain.append(entry)
        past = "may be repeated" if call.was_sent else "was not sent"
        fate = f"the call {past} and is kept in the journal {self.path} for the next process"
        if isinstance(error, MCPConnectionError):
            return error.for_call(call.method, True, fate)
        fresh = MCPError(f"{error}; {fate}")
        fresh.__cause__ = error
        return fresh

    def _settled(self, call: Future[Any]) -> None:
        """Delete a settled call in the background; called by whoever settles it."""
        entry = call.entry if isinstance(call, Call) else None
        if entry is None or entry.is_kept or entry.is_gone:
            return
        error = None if call.cancelled() else Future.exception(call, 0)
        with self._books:
            if entry.found and not self._was_asked and _is_no_answer(error):
                self._unseen.append(entry)
                return
        self._discard([entry.id])
        with self._books:
            if self._is_sweeping or self._file is None:
                return
            self._is_sweeping = True
        try:
            start_worker("mcp-journal", self._sweep)
        except RuntimeError:  # at the end of the interpreter; closing the file does it then
            with self._books:
                self._is_sweeping = False

    def _sweep(self) -> None:
        while True:
            try:
                self._flush()
            except MCPError as error:
                _log.warning("settled calls are still in the journal: %s", error)
                with self._books:
                    self._is_sweeping = False
                return
            with self._books:
                if not self._due:
                    self._is_sweeping = False
                    return

    def _discard(self, ids: Iterable[int]) -> None:
        with self._books:
            self._due.extend(ids)

    def _flush(self) -> None:
        with self._disk:
            if self._file is not None:
                self._write()

    def _write(
        self, new: Sequence[JournalRow] = (), sent: Sequence[tuple[int, int, int]] = ()
    ) -> None:
        """Write to the file, with the deletions that are due. Holds the lock of the disk."""
        if self._file is None:
            raise MCPError(self._why_closed())
        with self._books:
            due, self._due = self._due, []
        if not (new or sent or due):
            return
        try:
            self._file.write(new, sent, due)
        except BaseException:  # whatever it was, what is due has still to be deleted
            self._discard(due)
            raise

    def _why_closed(self) -> str:
        if self._is_the_parents:
            return (
                f"the journal {self.path} belongs to the process that this one was forked from, so "
                "no call can be queued here; make a client with a journal of its own"
            )
        return f"the journal {self.path} is closed; call connect() to open it again"

    def close(self, unless: Callable[[], bool]) -> None:
        """Close the file for the next process; what went wrong is told to the log.

        Args:
            unless: whether the client was opened again meanwhile; asked when nobody can open the
                file.
        """
        with self._disk:
            if self._file is None or unless():
                return
            with self._books:
                if self._was_asked:
                    self._due += [entry.id for entry in self._unseen]
                in_vain, self._marked_in_vain = self._marked_in_vain, []
            try:
                self._write(sent=[(entry.id, entry.digest, entry.before) for entry in in_vain])
            except MCPError as error:
                _log.warning("the journal keeps what it had: %s", error)
            file, self._file = self._file, None
            self._due = []
            try:
                file.close()
            except MCPError as error:
                _log.warning("%s", error)

    def abandon_after_fork(self) -> None:
        """Let go of the file in a forked child, which has the parent's calls no more.

        Only the forking thread lives there, and it is not in here: so the locks are made anew. The
        file stays the parent's, untouched; calls cannot be queued in the child.
        """
        self._disk, self._books = threading.Lock(), threading.Lock()
        self._due, self._found, self._unseen, self._marked_in_vain = [], [], [], []
        self._is_sweeping = False
        self._is_the_parents = True
        file, self._file = self._file, None
        if file is not None:
            file.abandon()


def _is_no_answer(error: BaseException | None) -> bool:
    return isinstance(error, MCPTimeoutError | MCPConnectionError)
