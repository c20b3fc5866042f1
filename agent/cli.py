"""The command line: a contract that tests and users script.

Errors are one line each on standard error: what, which value, what to do. Exit status 2
for bad usage or settings, 1 for a failed run.
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from agent import doorkeeper, loading
from agent.constraints import is_loopback
from agent.health import serving
from agent.lifecycle import STOP_SECONDS, RoleError, Roles, stop_on_signals
from agent.loading import SettingsError
from agent.logs import set_up
from agent.settings import Settings, groups, names
from detection.catalog import CatalogError

log = logging.getLogger("vethscope")

Command = Callable[[argparse.Namespace], int]
Role = Callable[[Settings, threading.Event], None]

EXAMPLES = """examples:
  vethscope run                            watch this machine, dashboard on port 8080
  vethscope demo --duration 15 --json      sample traffic through the whole line
  vethscope replay --pairs - file.pcap     one JSON line a request and response
  vethscope replay --findings - file.pcap  data types by endpoint, from a file
  vethscope detect bodies.jsonl            which data types stand where
  vethscope check --config vethscope.toml  effective settings, all errors at once
"""

ROLE_GROUPS = {
    "run": tuple(field.name for field in groups()),
    "interceptor": ("addresses", "capture", "cluster", "health", "kafka", "logs"),
    "digger": (
        "addresses",
        "cloud",
        "cluster",
        "detector",
        "digger",
        "health",
        "kafka",
        "logs",
    ),
    "detector": ("detector", "health", "logs"),
    "cloud": ("cloud", "health", "logs"),
    "authority": ("health", "logs"),
}
"""Whose settings each role's flags set; the others' are still read from the file."""

NEED_KAFKA = ("interceptor", "digger")
"""By themselves they have no embedded broker to share."""

MOST_SECONDS = 86_400
"""Of the demo."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except SettingsError as error:
        for line in str(error).splitlines():
            print(f"vethscope: {line}", file=sys.stderr)
        return 2
    except (RoleError, doorkeeper.DoorkeeperError) as error:
        print(f"vethscope: {error}", file=sys.stderr)
        return 1
    except CatalogError as error:
        print(f"vethscope: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output left; nothing more can be told to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"vethscope: {place}{error.strerror or error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vethscope",
        description="Shows which sensitive data moves through a Kubernetes cluster.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"vethscope {version('vethscope')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_roles(commands)
    _add_demo(commands)
    _add_replay(commands)
    _add_detect(commands)
    _add_catalog(commands)
    _add_check(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_roles(commands: Commands) -> None:
    helps: dict[str, tuple[str, Role]] = {
        "run": ("all roles on this machine", _run),
        "interceptor": ("capture this node's pods", _interceptor),
        "digger": ("names, sampling, packages", _digger),
        "detector": ("find data types in messages (gRPC)", _detector),
        "cloud": ("collect packages, show the dashboard", _cloud),
        "authority": ("certificates of all programs, as Secrets", _authority),
    }
    for name, (text, role) in helps.items():
        parser = commands.add_parser(name, help=text, description=text)
        _add_settings(parser, ROLE_GROUPS[name])
        parser.set_defaults(command=_role_command(name, role))
        if name == "cloud":
            parts = parser.add_subparsers(dest="part", metavar="PART")
            _add_copies(parts)
            doorkeeper.add_commands(parts, _settings)


def _add_copies(parts: Commands) -> None:
    """Parts of `vethscope cloud`; without one it serves."""
    for name, text in (
        ("backup", "copy an SQLite store in use to FILE"),
        ("restore", "replace an SQLite store, in use or not, by FILE"),
    ):
        parser = parts.add_parser(name, help=text, description=text)
        parser.add_argument("file", metavar="FILE")
        _add_settings(parser, ("cloud",))
        parser.set_defaults(command=_copy)


def _add_demo(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="a small company's traffic in network namespaces, through everything",
    )
    parser.add_argument(
        "--duration", type=_seconds, metavar="S", help="end after S seconds"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON summary")
    _add_settings(parser, ("capture", "detector", "digger", "kafka", "logs"))
    parser.set_defaults(command=_demo)


def _add_replay(commands: Commands) -> None:
    parser = commands.add_parser("replay", help="pairs out of capture files")
    parser.add_argument("files", nargs="+", metavar="FILE", help="pcap or pcapng; -")
    parser.add_argument("--pairs", metavar="PATH", help="JSON lines here; - for stdout")
    parser.add_argument(
        "--findings", metavar="PATH", help="JSON lines of pairs with data types here"
    )
    parser.add_argument(
        "--descriptors",
        metavar="FILE",
        action="append",
        default=[],
        help="FileDescriptorSet with names of protobuf fields for --findings",
    )
    parser.add_argument("--report", metavar="PATH", help="counters as JSON here")
    parser.add_argument(
        "--all-content-types", action="store_true", help="pairs that are not JSON too"
    )
    parser.add_argument(
        "--no-tunnels",
        action="store_true",
        help="do not look into VXLAN, Geneve, GRE, MPLS and the like",
    )
    _add_settings(parser, ("capture", "detector"))
    parser.set_defaults(command=_replay)


def _add_detect(commands: Commands) -> None:
    parser = commands.add_parser(
        "detect",
        help="data types in JSON lines",
        description='Reads JSON lines {"body": "<text>"}, writes {"findings": […]}.',
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE")
    parser.add_argument("--explain", action="store_true", help="say why")
    _add_settings(parser, ("detector",))
    parser.set_defaults(command=_detect)


def _add_catalog(commands: Commands) -> None:
    parser = commands.add_parser("catalog", help="list the data types")
    parser.add_argument("--check", action="store_true", help="prove all rules")
    _add_settings(parser, ("detector",))
    parser.set_defaults(command=_catalog)


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser("check", help="effective settings, all errors at once")
    _add_settings(parser, ROLE_GROUPS["run"])
    parser.set_defaults(command=_check)


def _add_settings(parser: argparse.ArgumentParser, groups: tuple[str, ...]) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML settings")
    for group, name, _ in names():
        if group in groups:
            flag = f"{group}-{name}".replace("_", "-")
            parser.add_argument(f"--{flag}", help=argparse.SUPPRESS)
    parser.epilog = (
        "settings as flags, --GROUP-NAME VALUE, of the groups: "
        + ", ".join(groups)
        + " (see `vethscope check`)"
    )


def _settings(options: argparse.Namespace) -> Settings:
    flags = {
        name.replace("_", "-"): value
        for name, value in vars(options).items()
        if value is not None
    }
    return loading.load(options.config, flags=flags)


def _role_command(name: str, role: Role) -> Command:
    def command(options: argparse.Namespace) -> int:
        settings = _settings(options)
        if name in NEED_KAFKA and not settings.kafka.bootstrap:
            raise SettingsError(f"kafka.bootstrap: {name} needs the host:port of Kafka")
        set_up(settings.logs.level)
        stop_seconds = settings.capture.stop_seconds + STOP_SECONDS
        with Roles(stop_on_signals(), stop_seconds) as roles:
            roles.start(name, lambda stop: role(settings, stop))
            roles.wait()
        return 0

    return command


def _run(settings: Settings, stop: threading.Event) -> None:
    from agent import standalone

    standalone.run(settings, stop)


def _interceptor(settings: Settings, stop: threading.Event) -> None:
    from agent.interceptor import program

    interceptor = program.Interceptor(settings)
    with serving(settings.health.listen, interceptor):
        interceptor.run(stop)


def _digger(settings: Settings, stop: threading.Event) -> None:
    from agent.digger import program

    digger = program.Digger(settings)
    with serving(settings.health.listen, digger):
        digger.run(stop)


def _detector(settings: Settings, stop: threading.Event) -> None:
    from agent import served
    from agent.links import bind
    from detection import program

    detector = settings.detector
    observed = served.detector(detector)
    with serving(settings.health.listen, observed):
        program.serve(
            detector.listen,
            detector.catalog,
            detector.processes,
            stop,
            observed.counts,
            observed.start.set,
            partial(bind, detector.files),
        )


def _cloud(settings: Settings, stop: threading.Event) -> None:
    from agent import served
    from agent.keeping import keeping, terms
    from agent.links import Contexts, bind
    from agent.provided import door
    from cloud import program
    from cloud.doors.clusters.rates import Limits

    cloud = settings.cloud
    observed = served.cloud(cloud)
    if not cloud.collector_certificate_file and not is_loopback(cloud.collector_listen):
        log.warning(
            "cloud.collector_certificate_file is not set: tokens of clusters come in "
            "plain text, unless something in front ends TLS"
        )

    def on_ready(opened: program.Opened) -> None:
        if opened.is_unclaimed:
            log.info("nobody has a name yet; this opens once: %s", opened.link())
        observed.more = opened.measures
        observed.start.set()

    with serving(settings.health.listen, observed):
        program.serve(
            cloud.listen,
            cloud.collector_listen,
            cloud.database_url,
            stop,
            on_ready,
            observed.counts,
            partial(bind, cloud.collector_files),
            keeping(cloud),
            cloud.origin,
            Limits(cloud.packages_per_minute, cloud.rows_per_minute),
            door(cloud),
            Contexts(cloud.dashboard_files),
            cloud.trusted_proxies,
            terms(cloud),
            is_apart=True,
        )


def _authority(settings: Settings, stop: threading.Event) -> None:
    from agent.cluster.vault import Vault, VaultError
    from agent.issuing import Issuer

    try:
        issuer = Issuer(Vault.of_pod())
    except VaultError as error:
        raise RoleError(f"authority: {error}") from None
    with serving(settings.health.listen, issuer):
        issuer.run(stop)


def _copy(options: argparse.Namespace) -> int:
    from agent.doorkeeper import who
    from cloud.errors import StoreError
    from cloud.restoring import keep_all
    from cloud.store.backup import backup, restore

    url, file = _settings(options).cloud.database_url, Path(options.file)
    try:
        if options.part == "backup":
            backup(url, file)
        else:
            restore(url, file, keep_all(who()))
    except StoreError as error:
        raise RoleError(str(error)) from None
    return 0


def _demo(options: argparse.Namespace) -> int:
    from agent.demo import program

    settings = _settings(options)
    set_up(settings.logs.level)
    return program.run(settings, options.duration, options.json, stop_on_signals())


def _replay(options: argparse.Namespace) -> int:
    from agent.replay.replay import replay

    settings = _settings(options)
    return replay(
        options.files,
        options.pairs,
        options.report,
        options.all_content_types,
        settings.capture.body_bytes,
        not options.no_tunnels,
        options.findings,
        settings.detector.catalog,
        options.descriptors,
    )


def _detect(options: argparse.Namespace) -> int:
    from detection.lines import detect_lines
    from detection.scanner import Scanner

    scanner = Scanner.load(_settings(options).detector.catalog)
    if options.file == "-":
        return detect_lines(sys.stdin.buffer, sys.stdout, scanner, options.explain)
    with Path(options.file).open("rb") as source:
        return detect_lines(source, sys.stdout, scanner, options.explain)


def _catalog(options: argparse.Namespace) -> int:
    from detection import catalog, check

    own = _settings(options).detector.catalog
    known = catalog.load(own)
    if options.check:
        mistakes = check.mistakes(known)
        for mistake in mistakes:
            print(f"vethscope: catalog: {mistake}", file=sys.stderr)
        print(f"{len(check.rows(known))} data types, {len(mistakes)} mistakes")
        return 1 if mistakes else 0
    _print_table(check.Row._fields, check.rows(known))
    return 0


def _check(options: argparse.Namespace) -> int:
    for name, value in loading.effective(_settings(options)):
        print(f"{name} = {value}")
    return 0


def _print_table(names: Iterable[str], rows: Iterable[tuple[object, ...]]) -> None:
    """For people a table, for programs a line a row with tabs between."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(str(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(markup=False).print(table)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= MOST_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a number of seconds up to {MOST_SECONDS}"
    )


if __name__ == "__main__":
    sys.exit(main())
