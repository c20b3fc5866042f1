"""The commands of who keeps the cloud's doors: `vethscope cloud token create` …

In: words of the command line and the settings, of which only the database matters. Out:
what was made, on standard output: secrets once and alone, lists as lines with tabs. All
of them work while the cloud runs, and take effect at once.
"""

import argparse
import getpass
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from agent.settings import Settings, split_address
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.keys import Key
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.errors import CloudError
from cloud.program import address_of, link_to
from cloud.store.store import Store
from cloud.visitor import Role, Scope, read_scope

DAY_SECONDS = 86_400.0
MOST_LINES = 1_000

Read = Callable[[argparse.Namespace], Settings]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class DoorkeeperError(Exception):
    """What was asked for cannot be done; one line."""


class Doors(NamedTuple):
    """All that can be kept."""

    ledger: Ledger
    tokens: Tokens
    people: People
    visits: Visits
    address: str
    """Where people open the dashboard."""


Action = Callable[[Doors, argparse.Namespace], None]


def add_commands(things: Commands, read: Read) -> None:
    """Adds the commands to those of the cloud."""
    token = _thing(things, "token", "tokens of clusters, for their diggers")
    add = _adder(token, read)
    add("create", _create_token, "CLUSTER", "print a new token: two hold at a time")
    add("list", _list_tokens, "", "those that hold")
    add("revoke", _revoke_token, "ID", "it lets nobody in any more")
    user = _thing(things, "user", "people with passwords")
    add = _adder(user, read)
    _add_role(add("add", _add_user, "NAME", "or give a new password and role"))
    add("list", _list_users, "", "who they are")
    add("remove", _remove_user, "NAME", "and end all that is open in this name")
    key = _thing(things, "key", "API keys of programs that read pages' JSON")
    add = _adder(key, read)
    made = add("create", _create_key, "NAME", "print a new key")
    _add_role(made)
    made.add_argument("--days", type=int, default=90, help="that it holds")
    add("list", _list_keys, "", "those that hold")
    add("revoke", _revoke_key, "ID", "it opens nothing any more")
    visit = _thing(things, "visit", "browsers that are let in")
    add = _adder(visit, read)
    add("list", _list_visits, "", "those that go on")
    add("end", _end_visit, "ID", "it has to log in again")
    add = _adder(things, read)
    add("link", _make_link, "", "print a link that opens the dashboard once")
    add("audit", _print_audit, "", "print the latest changes and logins")


def _thing(things: Commands, name: str, words: str) -> Commands:
    parser = things.add_parser(name, help=words, description=words)
    return parser.add_subparsers(required=True, metavar="ACTION")


def _adder(
    to: Commands, read: Read
) -> Callable[[str, Action, str, str], argparse.ArgumentParser]:
    def add(
        name: str, action: Action, argument: str, words: str
    ) -> argparse.ArgumentParser:
        parser = to.add_parser(name, help=words, description=words)
        if argument:
            parser.add_argument("subject", metavar=argument)
        for flag, kind in (("--config", Path), ("--cloud-database-url", str)):
            parser.add_argument(
                flag, type=kind, default=argparse.SUPPRESS, help=argparse.SUPPRESS
            )
        parser.set_defaults(command=lambda options: _run(action, read, options))
        return parser

    return add


def _add_role(parser: argparse.ArgumentParser) -> None:
    roles = [role.name.lower() for role in Role]
    parser.add_argument("--role", choices=roles, default=roles[0])
    words = "see only this CLUSTER, or CLUSTER/NAMESPACE; may be repeated"
    parser.add_argument("--only", action="append", default=[], help=words)


def _run(action: Action, read: Read, options: argparse.Namespace) -> int:
    cloud = read(options).cloud
    try:
        # It looks first whether the database is one of ours.
        Store(cloud.database_url).close()
        with closing(Ledger(cloud.database_url)) as ledger:
            people = People(ledger)
            visits = Visits(ledger, people, Attempts())
            scheme = "https" if cloud.dashboard_certificate_file else "http"
            here = address_of(scheme, *split_address(cloud.listen))
            address = cloud.origin.rstrip("/") or here
            action(Doors(ledger, Tokens(ledger), people, visits, address), options)
    except CloudError as error:
        raise DoorkeeperError(f"cloud: {error}") from None
    return 0


def _create_token(doors: Doors, options: argparse.Namespace) -> None:
    print(doors.tokens.create(options.subject, who()))


def _list_tokens(doors: Doors, _: argparse.Namespace) -> None:
    _print_keys(doors.tokens.all())


def _revoke_token(doors: Doors, options: argparse.Namespace) -> None:
    doors.tokens.revoke(options.subject, who())


def _add_user(doors: Doors, options: argparse.Namespace) -> None:
    role, scope = Role[options.role.upper()], _scope(options)
    doors.people.add(options.subject, role, _password(), who(), scope)


def _list_users(doors: Doors, _: argparse.Namespace) -> None:
    for user in doors.people.all():
        print(user.name, user.role.name.lower(), str(user.scope) or "-", sep="\t")


def _remove_user(doors: Doors, options: argparse.Namespace) -> None:
    doors.people.remove(options.subject, who())


def _scope(options: argparse.Namespace) -> Scope:
    try:
        return read_scope(" ".join(options.only))
    except ValueError as error:
        raise DoorkeeperError(f"cloud: --only: {error}") from None


def _create_key(doors: Doors, options: argparse.Namespace) -> None:
    role, seconds = Role[options.role.upper()], options.days * DAY_SECONDS
    scope = _scope(options)
    print(doors.visits.make_api_key(options.subject, role, seconds, who(), scope))


def _list_keys(doors: Doors, _: argparse.Namespace) -> None:
    _print_keys(doors.visits.api_keys())


def _revoke_key(doors: Doors, options: argparse.Namespace) -> None:
    doors.visits.end_api_key(options.subject, who())


def _list_visits(doors: Doors, _: argparse.Namespace) -> None:
    _print_keys(doors.visits.all())


def _end_visit(doors: Doors, options: argparse.Namespace) -> None:
    doors.visits.end(options.subject, who())


def _make_link(doors: Doors, _: argparse.Namespace) -> None:
    print(link_to(doors.address, doors.visits.link()))


def _print_audit(doors: Doors, _: argparse.Namespace) -> None:
    for line in doors.ledger.audited(MOST_LINES):
        told = (line.who, line.address, line.action, line.subject)
        print(_moment(line.at_ns), *told, sep="\t")


def _print_keys(keys: Iterable[Key]) -> None:
    """Id, owner, role, made, last used, until when, what it is limited to."""
    for key in keys:
        moments = map(_moment, (key.created_ns, key.used_ns, key.expires_ns))
        print(key.id, key.owner, key.role or "-", *moments, key.scope or "-", sep="\t")


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%FT%TZ}" if at_ns else "-"


def _password() -> str:
    """Asked for twice on a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("the same again: ") != password:
        raise DoorkeeperError("cloud: the two passwords differ")
    return password


def who() -> str:
    """Who runs the command, as far as the machine knows."""
    try:
        return f"command of {getpass.getuser()}"
    except (KeyError, OSError):
        return "command"
