"""Corrections as the forms of their pages send them: made, and undone.

In: fields of a form and who sent them. Out: what was changed, in the audit log too, and
where to go on. A visitor who is limited to a part corrects in that part only.
"""

import re
from urllib.parse import urlencode

import msgspec
import sqlalchemy as sa
from starlette.exceptions import HTTPException

from cloud.pages import corrections as shown
from cloud.pages import endpoints
from cloud.pages.corrections import CorrectQuery
from cloud.pages.page import Action, FieldError, Sent, missing
from cloud.pages.reports import Workload
from cloud.store import catalogs
from cloud.store.correcting import Corrections
from cloud.store.corrections import (
    PATH_LENGTH,
    REASON_LENGTH,
    Correction,
    CorrectionError,
    listed,
)
from cloud.store.schema import corrections, workloads
from cloud.store.schema import endpoints as stored
from cloud.store.store import Store

_BACK = re.compile(r"/endpoints/[0-7][0-9a-f]{15}|/types/[a-z0-9][a-z0-9._-]{0,63}")
"""Pages that undo one beside what it corrects."""
_FILTERS = ("q", "type", "scope", "state")
"""Of the list."""
MOST_AT_ONCE = 200
"""Undone with one form: those of a page."""


def actions(store: Store, made: Corrections) -> tuple[Action, ...]:
    """Both of them."""
    desk = _Desk(store, made)
    return (
        Action(
            "/endpoints/{id}/correct",
            "correction_make",
            desk.make,
            fields=(
                "direction",
                "location",
                "field",
                "type",
                "becomes",
                "scope",
                "reason",
            ),
            again="/endpoints/{id}/correct",
        ),
        Action(
            "/corrections/undo",
            "corrections_undo",
            desk.undo,
            fields=("reason", "back", *_FILTERS),
            lists=("id",),
            again="/corrections",
        ),
    )


class _Desk:
    """Takes the forms."""

    def __init__(self, store: Store, made: Corrections) -> None:
        self._store = store
        self._made = made

    def make(self, sent: Sent) -> str:
        """Corrects a field of an endpoint, as far as the form says."""
        one = self._asked(sent)
        reason = sent.one("reason", REASON_LENGTH)
        try:
            self._made.add(one, reason, sent.visitor.name)
        except CorrectionError as error:
            raise FieldError(error.field, str(error)) from None
        becomes = one.becomes or "none"
        subject = f"{one.data_type} is {becomes}: {shown.where(one)}"
        sent.visitor.audit("correction made", subject[:500])
        if one.name:
            return f"/endpoints/{sent.id}"
        return "/corrections"

    def undo(self, sent: Sent) -> str:
        """Undoes the chosen ones."""
        reason = sent.one("reason", REASON_LENGTH)
        chosen = sent.form.get("id", ())
        if not 0 < len(chosen) <= MOST_AT_ONCE:
            raise FieldError("id", f"choose 1 to {MOST_AT_ONCE} corrections")
        if not reason:
            raise FieldError("reason", "say why: a reason is needed")
        try:
            keys = {endpoints.key(one) for one in chosen}
        except ValueError:
            raise missing("There is no such correction.") from None
        with self._store.reading() as connection:
            found = listed(connection, corrections.c.id.in_(keys), most=MOST_AT_ONCE)
        scope = sent.visitor.scope
        if {one.id for one in found} != keys or not all(
            shown.may_undo(scope, one.correction) for one in found
        ):
            raise missing("There is no such correction.")
        for one in found:
            if self._made.undo(one.id, sent.visitor.name, reason):
                subject = f"{one.correction.data_type}: {shown.where(one.correction)}"
                sent.visitor.audit("correction undone", subject[:500])
        back = sent.one("back")
        if _BACK.fullmatch(back):
            return back
        asked = {name: told for name in _FILTERS if (told := sent.one(name))}
        return f"/corrections?{urlencode(asked | {'state': 'all'})}"

    def _asked(self, sent: Sent) -> Correction:
        given = {
            name: sent.one(name, PATH_LENGTH)
            for name in ("direction", "location", "field", "type")
        }
        try:
            field = msgspec.convert(given, CorrectQuery)
            key = endpoints.key(sent.id)
        except (msgspec.ValidationError, ValueError):
            raise missing("There is no such field.") from None
        chosen = (
            sa.select(stored, *(workloads.c[n] for n in Workload.__struct_fields__))
            .join(workloads, workloads.c.id == stored.c.server_id)
            .where(stored.c.id == key, sent.visitor.scope.workloads(workloads))
        )
        becomes = sent.one("becomes")
        with self._store.reading() as connection:
            row = connection.execute(chosen).one_or_none()
            known = catalogs.data_types(connection).get(becomes)
        scope = sent.one("scope")
        if row is None or not all(given.values()):
            raise missing("There is no such field.")
        server = endpoints.workload(row)
        if scope not in shown.WORDS:
            raise FieldError("scope", "choose how far the correction reaches")
        if not shown.may_correct(sent.visitor.scope, scope, server):
            raise HTTPException(403, "You may correct in your own part only.")
        one = shown.correction(scope, server, (row.port, row.method, row.path), field)
        sensitivity = known.sensitivity if known else 0
        return msgspec.structs.replace(one, becomes=becomes, sensitivity=sensitivity)
