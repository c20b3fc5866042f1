"""Which workloads are captured: ordered rules in a file that may change meanwhile.

    # The first rule that fits decides; what none fits is captured.
    allow shop/Deployment/orders-*
    deny  kube-*
    deny  */Job
    deny  * tier=test team!=web*
    deny  * namespace:stage=test

A rule is `allow` or `deny`, a pattern namespace[/kind[/name]], and what labels of the
pod or service, or with `namespace:` of its namespace, must all be (`=`) or not be
(`!=`); `*` and `?` are as in file names. Behind all stands that our own namespace is
left out. In: the file, and namespaces (a sink of their watch). Out: whether a workload
is captured. While a namespace's labels are not known, no rule that asks for them lets
anything be captured.
"""

import logging
import re
import time
from collections.abc import Callable, Set
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from agent.cluster.addresses import Workload
from agent.cluster.watching.objects import Partial

log = logging.getLogger("vethscope")

OWN_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
LOOK_SECONDS = 2.0
"""Between two looks at the file."""
SETTLE_SECONDS = 0.1
"""What is new holds if it still stands there after so long: a file that is just being
written tells fewer rules than it will."""
MOST_BYTES = 1 << 20
MOST_RULES = 1_000
_SELECTOR = re.compile(r"(?P<of>namespace:)?(?P<key>[^:=!]+)(?P<no>!)?=(?P<value>.*)")


Ask = Callable[[str], Partial | None]
"""Gets an object's metadata by its path; None: it cannot be had."""


class FiltersError(Exception):
    """The file cannot be used; one line for each mistake."""


class Selector(NamedTuple):
    """What one label must be, or must not be."""

    key: str
    value: re.Pattern[str]
    is_wanted: bool

    def holds(self, labels: dict[str, str]) -> bool:
        has = self.key in labels and self.value.match(labels[self.key]) is not None
        return has is self.is_wanted


class Rule(NamedTuple):
    is_allowed: bool
    parts: tuple[re.Pattern[str], ...]
    """Of namespace, kind and name."""
    labels: tuple[Selector, ...]
    of_namespace: tuple[Selector, ...]

    def fits(
        self, workload: Workload, labels: dict[str, str], namespaces: "Namespaces"
    ) -> bool:
        fit = zip(self.parts, workload, strict=True)
        if not all(pattern.match(part) for pattern, part in fit):
            return False
        if not all(selector.holds(labels) for selector in self.labels):
            return False
        if not self.of_namespace:
            return True
        known = namespaces.labels(workload.namespace)
        if known is None:
            return not self.is_allowed
        return all(selector.holds(known) for selector in self.of_namespace)


class Namespaces:
    """Their labels. Put by their watch; one that pods come to before that has told it
    is asked for."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._names: dict[str, str] = {}
        """By uid."""
        self._labels: dict[str, dict[str, str] | None] = {}
        """By name; None: they could not be had."""
        self.keys: frozenset[str] = frozenset()
        """Labels that rules look at."""
        self.changes = 0
        """How often these changed where somebody had been judged by them."""

    def labels(self, name: str) -> dict[str, str] | None:
        """None: not known."""
        if name not in self._labels:
            path = f"/api/v1/namespaces/{quote(name)}"
            found = self._ask(path) if self._ask is not None else None
            labels = None if found is None else found.metadata.labels or {}
            self._labels.setdefault(name, labels)
        return self._labels.get(name)

    def put(self, namespace: Partial) -> None:
        metadata = namespace.metadata
        labels = metadata.labels or {}
        is_known, before = (
            metadata.name in self._labels,
            self._labels.get(metadata.name),
        )
        self._names[metadata.uid] = metadata.name
        self._labels[metadata.name] = labels
        if is_known and self._looked_at(before) != self._looked_at(labels):
            self.changes += 1

    def drop(self, uid: str) -> None:
        self._labels.pop(self._names.pop(uid, ""), None)

    def uids(self) -> Set[str]:
        return self._names.keys()

    def _looked_at(self, labels: dict[str, str] | None) -> dict[str, str] | None:
        if labels is None:
            return None
        return {key: labels[key] for key in self.keys if key in labels}


class Filters:
    """Asked by watches; the file is looked at now and then."""

    def __init__(
        self,
        file: str = "",
        own_namespace: str = "",
        clock: Callable[[], float] = time.monotonic,
        ask: Ask | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises FiltersError."""
        self.namespaces = Namespaces(ask)
        self._file = Path(file) if file else None
        self._clock = clock
        self._pause = pause
        self._last: tuple[Rule, ...] = ()
        if own_namespace:
            self._last = (_rule("deny", own_namespace, []),)
        self._looked_at = clock()
        self._text = b""
        self._failure = ""
        self._take(())
        if self._file is not None:
            self._text = _read(self._file)
            self._take(parse(self._text, str(self._file)))

    @property
    def may_select_namespaces(self) -> bool:
        """Rules that are not there may come while all runs."""
        return self._file is not None

    def admits(self, workload: Workload, labels: dict[str, str] | None) -> bool:
        for rule in self._rules:
            if rule.fits(workload, labels or {}, self.namespaces):
                return rule.is_allowed
        return True

    def renewed(self) -> Callable[[], bool]:
        """To ask now and then whether all must be judged anew since the last time."""
        known = self._rules, self.namespaces.changes

        def is_renewed() -> bool:
            nonlocal known
            self._renew()
            before, known = known, (self._rules, self.namespaces.changes)
            return before[0] is not known[0] or before[1] != known[1]

        return is_renewed

    def _renew(self) -> None:
        """A bad file is told once, and the rules before go on to hold."""
        if self._file is None or self._clock() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = self._clock()
        try:
            text = _read(self._file)
            if text == self._text:
                return
            self._pause(SETTLE_SECONDS)
            if text != _read(self._file):
                return
            rules = parse(text, str(self._file))
        except FiltersError as error:
            if str(error) != self._failure:
                self._failure = str(error)
                log.warning("%s; what was read before goes on to hold", error)
            return
        self._text, self._failure = text, ""
        self._take(rules)
        log.info("addresses: %d rules of what is captured", len(rules))

    def _take(self, rules: tuple[Rule, ...]) -> None:
        self.namespaces.keys = frozenset(s.key for r in rules for s in r.of_namespace)
        self._rules = rules + self._last


def parse(text: bytes, name: str) -> tuple[Rule, ...]:
    """Raises FiltersError."""
    rules, errors = [], []
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        verb, *rest = words
        if verb not in ("allow", "deny") or not rest or rest[0].count("/") > 2:
            wanted = "allow or deny, then namespace[/kind[/name]]"
            errors.append(f"addresses.filter_file: {name}: line {number}: {wanted}")
        elif not all(map(_SELECTOR.fullmatch, rest[1:])):
            wanted = "labels are [namespace:]key=pattern or key!=pattern"
            errors.append(f"addresses.filter_file: {name}: line {number}: {wanted}")
        else:
            rules.append(_rule(verb, rest[0], rest[1:]))
    if len(rules) > MOST_RULES:
        errors.append(f"addresses.filter_file: {name}: more than {MOST_RULES} rules")
    if errors:
        raise FiltersError("\n".join(errors))
    return tuple(rules)


def own_namespace() -> str:
    """Of the pod that this runs in; empty: none."""
    try:
        return OWN_NAMESPACE_FILE.read_text().strip()
    except OSError:
        return ""


def _rule(verb: str, place: str, words: list[str]) -> Rule:
    parts = tuple(map(translate, [*place.split("/"), "*", "*"][:3]))
    found = [made for word in words if (made := _SELECTOR.fullmatch(word))]
    return Rule(
        verb == "allow",
        tuple(map(re.compile, parts)),
        tuple(_selector(made) for made in found if not made["of"]),
        tuple(_selector(made) for made in found if made["of"]),
    )


def _selector(made: re.Match[str]) -> Selector:
    return Selector(made["key"], re.compile(translate(made["value"])), not made["no"])


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
    except OSError as error:
        why = f"addresses.filter_file: {file}: {error.strerror}"
        raise FiltersError(why) from None
    if len(text) > MOST_BYTES:
        raise FiltersError(f"addresses.filter_file: {file}: larger than 1 MiB")
    return text
