"""Changes of policies and violations, as forms of their pages send them.

In: fields of a form and who sent them. Out: what was changed, in the audit log too, and
where to go on; or the same form again with what is wrong in it. A visitor who is
limited to a part decides about its violations, and leaves policies alone: these hold
for all.
"""

from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from cloud.pages import endpoints
from cloud.pages.page import Action, FieldError, Sent, Shown, missing
from cloud.pages.policies import forming
from cloud.pages.policies.reading import may_all_be_seen, tried
from cloud.pages.policies.reports import Draft
from cloud.policies import shipped
from cloud.policies.decisions import MOST_REASON, Decision, DecisionError
from cloud.policies.policing import Policing
from cloud.policies.rule import MOST_BYTES, Policy, PolicyError, read, write
from cloud.policies.tables import State

_POLICY = ("document", "known", *forming.FIELDS)
_BACK = (
    *("q", "state_shown", "policy", "severity", "type", "workload"),
    *("assignee_shown", "page"),
)


def actions(policing: Policing) -> tuple[Action, ...]:
    """All of them."""
    desk = _Desk(policing)
    return (
        Action(
            "/policies/try",
            "policy_try",
            desk.try_out,
            fields=_POLICY,
            draft=_draft,
        ),
        Action(
            "/policies/adopt",
            "policy_adopt",
            desk.adopt,
            fields=("set",),
            again="/policies",
        ),
        Action("/policies", "policy_save", desk.save, fields=_POLICY, draft=_draft),
        Action(
            "/policies/{id}/switch",
            "policy_switch",
            desk.switch,
            fields=("is_on",),
            again="/policies/{id}",
        ),
        Action(
            "/policies/{id}/remove",
            "policy_remove",
            desk.remove,
            fields=("sure",),
            again="/policies/{id}",
        ),
        Action(
            "/policies/{id}/restore",
            "policy_restore",
            desk.restore,
            fields=("version",),
            again="/policies/{id}",
        ),
        Action(
            "/violations",
            "violations_decide",
            desk.decide,
            fields=("state", "assignee", "reason", "until", *_BACK),
            lists=("id",),
            again="/violations",
        ),
    )


class _Desk:
    """Takes the forms."""

    def __init__(self, policing: Policing) -> None:
        self._policing = policing

    def save(self, sent: Sent) -> str | Shown:
        """Adds policies, switched off, or new versions of those there are."""
        _require_everything(sent)
        try:
            policies = _policies(sent)
            if "document" not in sent.form:
                self._require_own_id(policies[0].id, sent.one("known"))
            self._policing.book.save(policies, sent.visitor.name)
        except PolicyError as error:
            return _draft(sent, error)
        for policy in policies:
            sent.visitor.audit("policy saved", policy.id)
        return f"/policies/{policies[0].id}" if len(policies) == 1 else "/policies"

    def try_out(self, sent: Sent) -> str | Shown:
        """Tries a policy on the last 30 days; nothing is kept."""
        _require_everything(sent)
        try:
            policies = _policies(sent)
            if len(policies) != 1:
                raise PolicyError("one policy is tried at a time")
        except PolicyError as error:
            return _draft(sent, error)
        draft = Draft(
            document=write(policies),
            form=forming.fields(policies[0]),
            known=policies[0].id if "document" in sent.form else sent.one("known"),
            trial=tried(policies[0], self._policing.trial(policies[0])),
        )
        return Shown("draft.html", draft)

    def _require_own_id(self, name: str, known: str) -> None:
        """That a form for a new policy changes no other one. Raises PolicyError."""
        if name != known and name in {
            one.policy.id for one in self._policing.book.all()
        }:
            words = "a policy has this id already: choose another, or change that one"
            raise PolicyError(words, "id")

    def adopt(self, sent: Sent) -> str:
        """Adds a set of policies that comes along, switched off."""
        _require_everything(sent)
        name = sent.one("set")
        if name not in shipped.TITLES:
            raise missing("There is no such set of policies.")
        known = {one.policy.id for one in self._policing.book.all()}
        fresh = [one for one in shipped.policies(name) if one.id not in known]
        self._policing.book.save(fresh, sent.visitor.name)
        sent.visitor.audit("policies adopted", name)
        return "/policies"

    def switch(self, sent: Sent) -> str:
        """Switches a policy on or off."""
        _require_everything(sent)
        is_on = sent.one("is_on") == "yes"
        self._policing.book.switch(sent.id, is_on, sent.visitor.name)
        sent.visitor.audit(f"policy switched {'on' if is_on else 'off'}", sent.id)
        return f"/policies/{sent.id}"

    def remove(self, sent: Sent) -> str:
        """Removes a policy with all that was decided about its violations."""
        _require_everything(sent)
        if sent.one("sure") != sent.id:
            raise FieldError("sure", "write the policy's id to remove it")
        self._policing.book.remove(sent.id)
        sent.visitor.audit("policy removed", sent.id)
        return "/policies"

    def restore(self, sent: Sent) -> str:
        """Makes an earlier version the newest."""
        _require_everything(sent)
        for version in self._policing.versions(sent.id):
            if str(version.version) == sent.one("version"):
                self._policing.book.save([version.policy], sent.visitor.name)
                sent.visitor.audit("policy restored", f"{sent.id} {version.version}")
                return f"/policies/{sent.id}"
        raise missing("There is no such version.")

    def decide(self, sent: Sent) -> str:
        """Stores what is said of the chosen violations."""
        try:
            keys = [endpoints.key(shown) for shown in sent.form.get("id", ())]
        except ValueError:
            raise missing("There is no such violation.") from None
        with self._policing.store.reading() as connection:
            if not may_all_be_seen(connection, keys, sent.visitor.scope):
                raise missing("There is no such violation.")
        decision = _decision(sent)
        try:
            number = self._policing.decisions.decide(keys, decision, sent.visitor.name)
        except DecisionError as error:
            raise FieldError(error.field, str(error)) from None
        state = decision.state.name.lower() if decision.state else "assigned"
        sent.visitor.audit("violations decided", f"{number} {state}")
        asked = {name.removesuffix("_shown"): sent.one(name) for name in _BACK}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/violations?{query}" if query else "/violations"


def _require_everything(sent: Sent) -> None:
    if not sent.visitor.scope.is_everything:
        raise HTTPException(403, "Policies hold for all; you see a part.")


def _policies(sent: Sent) -> tuple[Policy, ...]:
    """From a document if one was sent, else from the form's fields."""
    if "document" in sent.form:
        policies = read(sent.one("document", MOST_BYTES))
        if not policies:
            raise PolicyError("the document holds no policy")
        return policies
    return (forming.policy(_told(sent)),)


def _told(sent: Sent) -> dict[str, str]:
    return {name: " ".join(sent.form.get(name, ()))[:2_000] for name in forming.FIELDS}


def _draft(sent: Sent, error: PolicyError | None = None) -> Shown:
    """The same again, with what is wrong."""
    document = sent.form.get("document")
    draft = Draft(
        document=document[0] if document else "",
        form=None if document else _told(sent),
        known=sent.one("known"),
        error=str(error or ""),
        field="" if error is None else "document" if document else error.field,
    )
    return Shown("draft.html", draft, 400)


def _decision(sent: Sent) -> Decision:
    word, assignee = sent.one("state"), sent.one("assignee")
    state = State[word.upper()] if word.upper() in State.__members__ else None
    if state is None and not assignee:
        raise FieldError("state", "choose a state, or an assignee")
    return Decision(
        state=state,
        reason=sent.one("reason", MOST_REASON),
        until_ns=_end_of_day(sent.one("until")),
        assignee=assignee or None,
    )


def _end_of_day(day: str) -> int:
    """0: no day. Raises FieldError."""
    if not day:
        return 0
    try:
        begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise FieldError("until", "write the day as 2030-12-31") from None
    return (int(begin.timestamp()) + 86_399) * 10**9
