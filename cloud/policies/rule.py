"""Policies as data: their shape, and their way from YAML and back.

A policy names flows that must not be. A flow is a data type that one party sends to
another in one place of an endpoint's messages. What matches `deny` and none of `allow`
breaks the policy. Within a matcher all conditions must hold; of several values of a
condition one is enough; `*` in a value stands for anything.

    policies:
      - id: cards-outside
        title: Card data leaves only to the card processor
        severity: high
        why: PCI DSS 4.0 requires that …
        advice: Send a token instead …
        deny: {data: {tags: [pci_dss]}, to: {outside: true}}
        allow: [{to: {name: [api.cards.example]}}]

A document is a stranger's: it is bounded, has no aliases, and is refused with the first
mistake in one line.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import yaml

from cloud.errors import CloudError

MOST_BYTES = 256 << 10
"""Of a document: some thousand policies."""
MOST_POLICIES = 500
MOST_VALUES = 200
"""Of one condition."""
MOST_DEPTH = 12
"""Of a document; a policy needs seven."""

Severity = Literal["low", "medium", "high"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
Values = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MOST_VALUES)]
Words = Annotated[str, msgspec.Meta(max_length=2_000)]


class PolicyError(CloudError):
    """A document is no list of policies; one line, and the field that is meant."""

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


class _Shape(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    pass


class Data(_Shape, frozen=True):
    """Which data types."""

    types: Values | None = None
    """financial.payment_card, or all of a category: health.*"""
    tags: Values | None = None
    """As the catalog of rules gives them: pci_dss, gdpr_special, hipaa, secret."""
    sensitivity: Severity | None = None
    """At least this."""


class Party(_Shape, frozen=True):
    """Who sends or receives."""

    cluster: Values | None = None
    namespace: Values | None = None
    kind: Values | None = None
    """Deployment, StatefulSet, External …"""
    name: Values | None = None
    group: Values | None = None
    """The service group that it is part of."""
    owner: Values | None = None
    outside: bool | None = None
    """Outside of the clusters, or in one of them."""


class Matcher(_Shape, frozen=True):
    """Which flows. An empty one matches all."""

    data: Data | None = None
    sender: Party | None = msgspec.field(name="from", default=None)
    to: Party | None = None
    across: Literal["cluster", "namespace"] | None = None
    """Both parties are inside, but not of the same."""
    endpoint: Values | None = None
    """`METHOD /path` as the pages show it."""
    location: (
        Annotated[
            tuple[Literal["path", "query", "header", "body"], ...],
            msgspec.Meta(min_length=1),
        ]
        | None
    ) = None
    direction: Literal["request", "response"] | None = None
    in_errors: bool | None = None
    """Values were seen in answers with a status from 400 on."""
    new: bool | None = None
    """First seen after the policy was switched on."""


class Policy(_Shape, frozen=True):
    """One rule."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    severity: Severity
    deny: Annotated[tuple[Matcher, ...], msgspec.Meta(min_length=1, max_length=50)]
    allow: Annotated[tuple[Matcher, ...], msgspec.Meta(max_length=MOST_VALUES)] = ()
    why: Words = ""
    advice: Words = ""


class _Document(_Shape, frozen=True):
    policies: Annotated[tuple[Policy, ...], msgspec.Meta(max_length=MOST_POLICIES)]


def read(text: str) -> tuple[Policy, ...]:
    """The policies of a YAML document. Raises PolicyError."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise PolicyError(f"the document is larger than {MOST_BYTES >> 10} KiB")
    try:
        plain = yaml.load(text, _Loader)
        document = msgspec.convert(_spread(plain), _Document)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyError(one_line(error)) from None
    repeated = _repeated([policy.id for policy in document.policies])
    if repeated:
        raise PolicyError(f"policies: the id {repeated} is there twice")
    return document.policies


def write(policies: Sequence[Policy]) -> str:
    """The YAML document of policies; `read` gives the same back."""
    document = msgspec.to_builtins(_Document(tuple(policies)))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


class _Loader(yaml.SafeLoader):
    """Without aliases, which make a small document endless, and not deep."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            problem = "aliases are not taken here"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > MOST_DEPTH:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"nested deeper than {MOST_DEPTH}"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_ONE_OR_MORE = frozenset(
    "types tags cluster namespace kind name group owner endpoint location".split()
)
_MATCHERS = frozenset(("deny", "allow"))


def _spread(plain: Any, name: str = "") -> Any:
    """One value where a list is meant becomes a list of one."""
    if isinstance(plain, dict):
        plain = {key: _spread(value, str(key)) for key, value in plain.items()}
    elif isinstance(plain, list):
        return [_spread(value) for value in plain]
    is_one = name in _ONE_OR_MORE and isinstance(plain, str)
    return (
        [plain] if is_one or (name in _MATCHERS and isinstance(plain, dict)) else plain
    )


def _repeated(names: Sequence[str]) -> str:
    return next((n for i, n in enumerate(names) if n in names[:i]), "")


def one_line(error: Exception | str) -> str:
    """What a mistake is, for people."""
    return " ".join(str(error).split())[:300] or type(error).__name__
