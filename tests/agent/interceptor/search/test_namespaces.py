"""Namespaces by their processes, in a made /proc: what a real one has seldom."""

import os
from pathlib import Path

import pytest

from agent.interceptor.search.namespaces import AMBIENT, Namespaces

LISTENS = (
    "   0: {address}:3AA0 {none}:0000 0A 00000000:00000000 00:00000000 0 0 0 1 1\n"
)
CONNECTED = (
    "   1: 0100007F:3AA0 0100007F:D431 01 00000000:00000000 00:00000000 0 0 0 1 1\n"
)
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
UID = "0123abcd-0000-1111-2222-0123456789ab"


class Proc:
    """/proc with processes in namespaces of one device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._spaces = folder / "spaces"
        self._spaces.mkdir()
        for name in ("1", "self"):
            self.add(name, "host")
        (folder / "self/status").write_text("CapEff:\t000001ffffffffff\n")

    def add(self, name: str, space: str, comm: str = "x", group: str = "/") -> Path:
        """Its folder; in the namespace of this name."""
        process = self.folder / name
        (process / "ns").mkdir(parents=True)
        (process / "net").mkdir()
        (self._spaces / space).touch()
        os.link(self._spaces / space, process / "ns/net")
        (process / "comm").write_text(f"{comm}\n")
        (process / "cgroup").write_text(f"0::{group}\n")
        return process

    def inode(self, space: str) -> int:
        return (self._spaces / space).stat().st_ino


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def searched(proc: Proc) -> Namespaces:
    namespaces = Namespaces(proc.folder, [])
    namespaces.all()
    return namespaces


@pytest.mark.parametrize("on_the_host", [True, False])
def test_a_tunnel_on_the_node_makes_pods_that_it_listens_in_ambient(
    proc: Proc, on_the_host: bool
) -> None:
    space = "host" if on_the_host else "tunnel's own"
    proc.add("10", space, AMBIENT, f"/kubepods/burstable/pod{UID}/c1")
    listening = LISTENS.format(address="0" * 8, none="0" * 8)
    (proc.add("20", "one") / "net/tcp").write_text(HEAD + listening)
    listening_6 = LISTENS.format(address="0" * 32, none="0" * 32)
    (proc.add("30", "two") / "net/tcp6").write_text(HEAD + listening_6)
    (proc.add("40", "three") / "net/tcp").write_text(HEAD + CONNECTED + "\n")
    namespaces = searched(proc)
    both = {proc.inode("one"): AMBIENT, proc.inode("two"): AMBIENT}
    assert namespaces.proxies() == both


def test_without_a_tunnel_no_socket_is_looked_at(proc: Proc) -> None:
    listening = LISTENS.format(address="0" * 8, none="0" * 8)
    (proc.add("20", "one") / "net/tcp").write_text(HEAD + listening)
    assert searched(proc).proxies() == {}


def test_a_proxy_of_the_pods_own_goes_before(proc: Proc) -> None:
    proc.add("10", "tunnel's own", AMBIENT)
    listening = LISTENS.format(address="0" * 8, none="0" * 8)
    (proc.add("20", "one", "envoy") / "net/tcp").write_text(HEAD + listening)
    assert searched(proc).proxies() == {proc.inode("one"): "envoy"}


@pytest.mark.parametrize(
    "group",
    [
        f"/kubepods/besteffort/pod{UID}/c2",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod"
        f"{UID.replace('-', '_')}.slice/cri-containerd-c2.scope",
        f"/../../kubepods-pod{UID}.slice/c2",
    ],
)
def test_pods_on_the_hosts_network_are_counted_once_each(
    proc: Proc, group: str
) -> None:
    proc.add("10", "host", group=group)
    proc.add("11", "host", group=f"/kubepods/pod{UID}/another")
    proc.add("12", "host", group="/kubepods/pod" + "5" * 32 + "/static")
    proc.add("13", "host", group="/system.slice/kubelet.service")
    proc.add("14", "one", group="/kubepods/pod" + "6" * 32 + "/own-network")
    assert searched(proc).host_pods == 2


def test_our_own_pod_is_not_counted(proc: Proc) -> None:
    (proc.folder / "self/cgroup").write_text(f"0::/kubepods/pod{UID}/c1\n")
    proc.add("10", "host", group=f"/kubepods/pod{UID}/c1")
    assert searched(proc).host_pods == 0
