"""A form that is not taken: which field, why, and all that was sent, to show again.

In: a form and the mistake in it. Out: what its page shows beside the field, so that
nobody types anything twice but passwords. And what is said of a mistake of our own.
"""

import traceback

import msgspec

from cloud.pages.page import Action, FieldError, Page, Sent
from cloud.pages.reports import Shape
from cloud.visitor import without_secrets

FAILED = 500
MISTAKE = (
    "This page could not be made, by a mistake of Vethscope's own. Its log has a line "
    "about it. Other pages go on."
)
MOST_SENT = 8_000
"""Characters of a field that are shown again: more than any field may have."""


class Wrong(Shape):
    """A form that was not taken: which field, why, and what was sent."""

    form: str
    field: str
    words: str
    sent: dict[str, str]
    """Of fields that came several times the values with spaces between."""


def wrong(form: str, sent: Sent, error: FieldError) -> Wrong:
    """What the same form shows again; passwords are typed anew."""
    told = {
        name: " ".join(values)[:MOST_SENT]
        for name, values in without_secrets(sent.form).items()
        if values
    }
    return Wrong(form, error.field, f"{error}"[:200], told)


def asked_again(sent: Sent, action: Action, page: Page) -> dict[str, str]:
    """The query of the page that had the form, from its hidden fields."""
    names = [field.encode_name for field in msgspec.structs.fields(page.query)]
    own = {*action.fields, *action.lists}
    fields = {
        name: f"{name}_shown" if f"{name}_shown" in own else name for name in names
    }
    told = {
        name: sent.one(field, MOST_SENT)
        for name, field in fields.items()
        if field in own
    }
    return {name: value for name, value in told.items() if value}


def place_of(error: Exception) -> str:
    """What went wrong, and in which line of ours. The error's own text may quote what a
    page shows, so it is left out."""
    *_, last = [None, *traceback.extract_tb(error.__traceback__)]
    at = f" in {last.name}, line {last.lineno}" if last else ""
    return f"{type(error).__name__}{at}"
