"""The journal as a file of JSON lines that is rotated; a full disk never stops the controller."""

import logging
import sys
from logging.handlers import RotatingFileHandler

import msgspec
import structlog

from glbc.engine.journal import Entry

log = structlog.get_logger()


class FileJournal(RotatingFileHandler):
    """Writes entries; older ones are in `path.1`, `path.2` and so on."""

    def __init__(self, path: str, max_mib: int, keep: int) -> None:
        """Open nothing yet.

        Args:
            path: of the file.
            max_mib: how long it may get, in MiB.
            keep: how many older files stay.
        """
        super().__init__(
            path, maxBytes=max_mib << 20, backupCount=keep, encoding="utf-8", delay=True
        )
        self._told = False

    def note(self, entry: Entry) -> None:
        """Write one line."""
        text = msgspec.json.encode(entry).decode()
        self.handle(logging.makeLogRecord({"msg": text}))

    def doRollover(self) -> None:  # noqa: N802 (its base's)
        """Put the file aside; its base would go on with the old one where none is kept."""
        if not self.backupCount and self.stream is not None:
            self.stream.truncate(0)
        super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (its base's)
        """Say once that the journal cannot be written."""
        if not self._told:
            self._told = True
            why = str(sys.exception() or "")
            log.warning("journal_failed", path=self.baseFilename, error=why)
