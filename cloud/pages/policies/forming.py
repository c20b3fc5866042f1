"""A policy as the fields of a form, and back.

In: a policy, or the fields that a browser sent. Out: the other. Each field is a text;
lists have spaces or commas between. The form knows one kind of flow and those who may
receive it by name: a policy that says more is changed as a document.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cloud.policies.rule import Data, Matcher, Party, Policy, PolicyError, one_line

_PARTIES = ("cluster", "namespace", "name", "group", "owner")
SENDER = tuple(f"from_{name}" for name in _PARTIES)
RECEIVER = tuple(f"to_{name}" for name in _PARTIES)
LISTS = ("types", "tags", "location", *SENDER, *RECEIVER, "allowed")
WORDS = ("id", "title", "severity", "why", "advice")
CHOICES = (
    "sensitivity",
    "direction",
    "across",
    "from_side",
    "to_side",
    "new",
    "in_errors",
)
FIELDS = (*WORDS, *LISTS, *CHOICES, "endpoint")
_WORDS = {
    "id": "an id has 1 to 63 lower-case letters, digits and hyphens",
    "title": "a title has 1 to 200 characters",
}
_SIDES = {"": None, "inside": False, "outside": True}


def fields(policy: Policy) -> dict[str, str] | None:
    """The form's fields that are not empty; None: the form cannot say it."""
    if len(policy.deny) != 1:
        return None
    (flow,) = policy.deny
    told: dict[str, Any] = {name: getattr(policy, name) for name in WORDS}
    data = flow.data or Data()
    told |= {name: getattr(data, name) for name in ("types", "tags", "sensitivity")}
    for prefix, party in (("from", flow.sender), ("to", flow.to)):
        told |= _party_fields(prefix, party or Party())
        if party and party.kind is not None:
            return None
    told |= {name: getattr(flow, name) for name in ("location", "direction", "across")}
    told |= {name: "yes" for name in ("new", "in_errors") if getattr(flow, name)}
    told["endpoint"] = "\n".join(flow.endpoint or ())
    told["allowed"] = tuple(name for one in policy.allow for name in _names(one))
    found = {name: _text(value) for name, value in told.items() if value}
    return found if _is_same(found, policy) else None


def policy(form: Mapping[str, str]) -> Policy:
    """The policy that a form says. Raises PolicyError."""
    told = {name: form.get(name, "").strip() for name in FIELDS}
    lists = {name: re.split(r"[\s,]+", told[name]) for name in LISTS if told[name]}
    plain = {
        "data": _kept(
            types=lists.get("types"),
            tags=lists.get("tags"),
            sensitivity=told["sensitivity"],
        ),
        "from": _party(told, lists, "from"),
        "to": _party(told, lists, "to"),
        "location": lists.get("location"),
        "endpoint": [line.strip() for line in told["endpoint"].splitlines()],
        "new": told["new"] == "yes",
        "in_errors": told["in_errors"] == "yes",
        **{name: told[name] for name in ("direction", "across")},
    }
    whole = {name: told[name] for name in WORDS}
    allowed = lists.get("allowed")
    whole |= _kept(deny=[_kept(**plain)] if _kept(**plain) else None)
    whole |= _kept(allow=[{"to": {"name": allowed}}] if allowed else None)
    if "deny" not in whole:
        raise PolicyError("say which flows must not be", "types")
    try:
        return msgspec.convert(whole, Policy)
    except msgspec.ValidationError as error:
        raise _mistake(error) from None


def _mistake(error: msgspec.ValidationError) -> PolicyError:
    """What is wrong with which field of the form."""
    words, _, at = str(error).partition(" - at `$.")
    match re.sub(r"\[[^]]*\]|`$", "", at).split("."):
        case ["allow", *_]:
            field = "allowed"
        case ["deny", "data", name] | ["deny", name] | [name]:
            field = name
        case ["deny", end, name]:
            field = f"{end}_{name}"
        case _:
            field = ""
    return PolicyError(_WORDS.get(field, one_line(words)), field)


def _party(told: Mapping[str, str], lists: Mapping[str, Any], end: str) -> Any:
    sides = {"inside": {"outside": False}, "outside": {"outside": True}}
    named = {name: lists.get(f"{end}_{name}") for name in _PARTIES}
    return _kept(**named) | sides.get(told[f"{end}_side"], {})


def _party_fields(prefix: str, party: Party) -> dict[str, Any]:
    side = {value: name for name, value in _SIDES.items()}[party.outside]
    named = {f"{prefix}_{name}": getattr(party, name) for name in _PARTIES}
    return named | {f"{prefix}_side": side}


def _names(matcher: Matcher) -> tuple[str, ...]:
    return (matcher.to.name or ()) if matcher.to else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(value)


def _is_same(found: Mapping[str, str], whole: Policy) -> bool:
    """Names with spaces, and what the form has no field for, are lost in it."""
    try:
        again = policy(found)
    except PolicyError:
        return False
    return (
        again.deny == whole.deny
        and {n for m in again.allow for n in _names(m)}
        == {n for m in whole.allow for n in _names(m)}
        and all(m == Matcher(to=Party(name=_names(m))) for m in whole.allow)
    )


def _kept(**values: Any) -> dict[str, Any]:
    """Those that say something."""
    return {name: value for name, value in values.items() if value}
