"""Finds network namespaces by where they can be entered: processes and bind mounts.

In: `/proc` (with hostPID: the node's) and the directories where `ip netns`, CNI
runtimes and Docker pin namespaces. Out: inode → path, and which namespaces have a
mesh proxy. The directories are also read through PID 1's root, so a container sees the
node's without mounting them; the kernel tells when mounts change (proc(5), mountinfo).
Left out are our own namespace and PID 1's: both are "the host", or hold it.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LOOKS = 3
"""A new process is looked at in so many searches: it may be another program soon, in
another namespace."""

PROXIES = ("envoy", "pilot-agent", "linkerd2-proxy")
"""How the names of mesh proxies' processes begin (Istio's, Linkerd's)."""

AMBIENT = "ztunnel"
"""Name of the process of Istio's ambient mode. One on the node serves all pods: it
opens sockets in their namespaces and stays outside."""
_TUNNEL_PORT = 15008
"""… where it listens for other nodes' in each of them."""
_LISTENS = b"0A"
"""TCP_LISTEN as proc_net_tcp.rst has it."""
_POD = re.compile(rb"kubepods.*pod([0-9a-f]{8}[-_0-9a-f]{24,28})")
_CAP_SYS_PTRACE = 19
_MOUNTS = ("run/netns", "run/docker/netns")


def default_mounts(proc: Path) -> tuple[Path, ...]:
    roots = (Path("/"), proc / "1" / "root")
    return tuple(root / mount for root in roots for mount in _MOUNTS)


class _Process(NamedTuple):
    """What is known of a process."""

    inode: int
    """Of its network namespace; 0: hidden."""
    proxy: str
    pod: bytes
    """Of those on the host's network: the pod's uid; empty: none, or not asked."""
    looks: int


class Namespaces:
    """Where namespaces are; inodes are unique while the namespace lives."""

    def __init__(self, proc: Path, mounts: Iterable[Path]) -> None:
        self._proc = proc
        self._mounts = tuple(mounts)
        self._processes: dict[str, _Process] = {}
        self._young: set[str] = set()
        self._ambient: set[int] = set()
        """Namespaces in which a process outside listens for the mesh."""
        own = (proc / "self/ns/net").stat()
        self._device = own.st_dev
        self._hosts = {own.st_ino, _inode(str(proc / "1/ns/net"), own.st_dev)}
        self._may_trace = _may_trace(proc)
        self._own_pod = _pod_of(proc / "self")
        self.host_pods = 0
        """Pods on the host's network that had processes at the last search, but for our
        own."""
        self.is_blind = False
        """Nothing was found, and other processes are hidden from us."""

    def mounted(self) -> dict[int, str]:
        """Those with a bind mount."""
        found: dict[int, str] = {}
        for directory in _distinct(self._mounts):
            for name in _names(directory):
                inode = _inode(f"{directory}/{name}", self._device)
                found.setdefault(inode, f"{directory}/{name}")
        return self._foreign(found)

    def all(self) -> dict[int, str]:
        """Those with a bind mount or a process; the mount's path goes first."""
        self._processes.clear()
        return self.more()

    def more(self) -> dict[int, str]:
        """The same, but only processes that are new are looked at, a few times: then
        they are taken to stay where they are and what they are."""
        names = {name for name in _names(self._proc) if name.isdigit()}
        for name in self._processes.keys() - names:
            del self._processes[name]
        looked_at = (names - self._processes.keys()) | (self._young & names)
        for name in looked_at:
            self._processes[name] = self._look(name)
        self._find_ambient(looked_at)
        pods = {process.pod for process in self._processes.values()}
        self.host_pods = len(pods - {b"", self._own_pod})
        self._young = {n for n, p in self._processes.items() if p.looks < LOOKS}
        return self._found()

    def proxies(self) -> dict[int, str]:
        """Namespace → its mesh proxy, as of the last search."""
        found = dict.fromkeys(self._ambient, AMBIENT)
        for process in self._processes.values():
            if process.proxy and process.proxy != AMBIENT:
                found[process.inode] = process.proxy
        return found

    def _found(self) -> dict[int, str]:
        found = self.mounted()
        for name, process in self._processes.items():
            if process.inode not in found and process.inode not in self._hosts:
                found[process.inode] = f"{self._proc}/{name}/ns/net"
        found = self._foreign(found)
        self.is_blind = not (found or self._may_trace)
        return found

    def _look(self, name: str) -> _Process:
        known = self._processes.get(name)
        looks = known.looks + 1 if known else 1
        inode = _inode(f"{self._proc}/{name}/ns/net", self._device)
        is_pods = inode and inode not in self._hosts
        pod = _pod_of(self._proc / name) if inode in self._hosts else b""
        proxy = self._proxy(name) if is_pods or pod else ""
        return _Process(inode, proxy, pod, looks)

    def _find_ambient(self, looked_at: Iterable[str]) -> None:
        """If the node has such a process: the namespaces where it listens. It does so
        before the pod's own processes start."""
        processes = self._processes
        inodes = {process.inode for process in processes.values()}
        self._ambient &= inodes
        if not any(process.proxy == AMBIENT for process in processes.values()):
            return
        doubtful = {processes[name].inode: name for name in looked_at}
        for inode in doubtful.keys() - self._ambient - self._hosts - {0}:
            tables = self._proc / doubtful[inode] / "net"
            if any(_listens(tables / name) for name in ("tcp", "tcp6")):
                self._ambient.add(inode)

    def _proxy(self, process: str) -> str:
        try:
            name = (self._proc / process / "comm").read_bytes()
        except OSError:
            return ""
        known = (*PROXIES, AMBIENT)
        return next((proxy for proxy in known if name.startswith(proxy.encode())), "")

    def _foreign(self, found: dict[int, str]) -> dict[int, str]:
        return {i: p for i, p in found.items() if i and i not in self._hosts}


class MountEvents:
    """Files that are urgent to read (POLLPRI) when the mounts of the node or of this
    process have changed; a poll that says so takes the message."""

    def __init__(self, proc: Path) -> None:
        self.files: list[int] = []
        for process in ("1", "self"):
            with contextlib.suppress(OSError):
                path = proc / process / "mountinfo"
                self.files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        for file in self.files:
            os.close(file)


def _pod_of(process: Path) -> bytes:
    """By its control groups, which kubelet names by the pod's uid."""
    try:
        found = _POD.search((process / "cgroup").read_bytes())
    except OSError:
        return b""
    return found[1].replace(b"_", b"-") if found else b""


def _listens(table: Path) -> bool:
    """A socket of this namespace's table waits at the port of the mesh."""
    port = f":{_TUNNEL_PORT:04X}".encode()
    try:
        lines = table.read_bytes().splitlines()[1:]
    except OSError:
        return False
    return any(
        words[1].endswith(port) and words[3] == _LISTENS
        for words in (line.split(None, 4) for line in lines)
        if len(words) > 3
    )


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - thousands of them, often
    except OSError:
        return []


def _distinct(directories: Iterable[Path]) -> list[Path]:
    """Each once: PID 1's root may be ours."""
    found: dict[tuple[int, int], Path] = {}
    for directory in directories:
        with contextlib.suppress(OSError):
            status = directory.stat()
            found.setdefault((status.st_dev, status.st_ino), directory)
    return list(found.values())


def _inode(path: str, device: int) -> int:
    """0: nothing there, not allowed, or not a namespace."""
    try:
        status = os.stat(path)  # noqa: PTH116 - thousands of them, often
    except OSError:
        return 0
    return status.st_ino if status.st_dev == device else 0


def _may_trace(proc: Path) -> bool:
    """CAP_SYS_PTRACE is effective: proc(5) shows other processes' namespaces."""
    for line in (proc / "self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
    return False
