"""Values of the Secrets that a BackendConfig names, read by name: IAP clients, keys for signed URLs."""

import base64
import binascii

from glbc.model.private import Private
from glbc.model.views import Snapshot
from glbc.translate.reasons import BadConfigError, Reason


class Credentials:
    """The Secrets of one namespace, as far as they were read."""

    def __init__(self, snapshot: Snapshot, namespace: str) -> None:
        self._known = snapshot.credentials
        self._namespace = namespace

    def value(self, secret: str, key: str) -> Private:
        """Return one decoded value.

        Raises:
            BadConfigError: the Secret is missing, was not read yet, or lacks the key.
        """
        where = f"{self._namespace}/{secret}"
        if where not in self._known:
            message = f"secret {where} has not been read yet"
            raise BadConfigError(
                Reason.SECRET_NOT_READ, message, "wait; see the log if it stays so"
            )
        found = self._known[where]
        if found is None:
            message = f"there is no Secret {where}"
            raise BadConfigError(Reason.SECRET_NOT_FOUND, message, "create it, or name another one")
        held: Private | None = getattr(found.data, key, None)
        try:
            value = base64.b64decode(held.reveal() if held else b"", validate=True)
        except (binascii.Error, ValueError):
            value = b""
        if not value:
            message = f"secret {where} is missing data {key}"
            raise BadConfigError(Reason.BAD_BACKEND_CONFIG, message, f"put {key} there")
        if not _is_text(value):
            message = f"secret {where}: data {key} is not text"
            raise BadConfigError(Reason.BAD_BACKEND_CONFIG, message, f"put the text of {key} there")
        return Private(value)


def _is_text(value: bytes) -> bool:
    """Tell whether a value can be sent: it stands in JSON."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
