"""What can go wrong in the cloud; each error's text is one line, fit for a log."""


class CloudError(Exception):
    """Any failure that the cloud knows of."""


class AddressError(CloudError):
    """An address cannot be listened on."""


class StoreError(CloudError):
    """The database cannot be used as it is configured."""


class UnavailableError(CloudError):
    """The store does not answer now; the same request may work later.

    `reason` is the database's own line, for operators only.
    """

    def __init__(self, words: str, reason: str = "") -> None:
        super().__init__(words)
        self.reason = reason or words


class OverlapError(CloudError):
    """A package is stored in part; the text tells where to resume."""


class RefusedError(CloudError):
    """A package breaks the limits; the text names the field, never its content."""


class DoorError(CloudError):
    """What is asked of the doors cannot be done; the text says why."""


class UnknownError(CloudError):
    """No token, or one that is not known."""


class ForeignError(CloudError):
    """The token is of another cluster than the message names."""


class BusyError(CloudError):
    """One cluster sends too much; the same again later."""
