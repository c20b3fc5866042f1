"""Each missing right is named, with what it costs."""

from pathlib import Path

import pytest

from agent.interceptor.privileges import (
    LOSSES,
    Capability,
    PrivilegeError,
    capabilities,
    check,
)

HOST_PIDS = "pid:[4026531836]"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A made /proc of a process that may do all, in the host's namespaces."""
    give(tmp_path, set(Capability))
    for process in ("1", "self"):
        (tmp_path / process / "ns").mkdir(parents=True, exist_ok=True)
        (tmp_path / process / "ns/pid").symlink_to(HOST_PIDS)
        (tmp_path / process / "ns/net").symlink_to("net:[1]")
    return tmp_path


def give(proc: Path, held: set[Capability]) -> None:
    bits = sum(1 << c.value for c in held) | 1
    (proc / "self").mkdir(exist_ok=True)
    status = f"Name:\tvethscope\nCapInh:\t0\nCapEff:\t{bits:016x}\n"
    (proc / "self/status").write_text(status)


def place(proc: Path, name: str, target: str) -> None:
    (proc / name).unlink()
    (proc / name).symlink_to(target)


def test_with_all_of_it_nothing_is_told(proc: Path) -> None:
    assert capabilities(proc) == set(Capability)
    assert check(proc) == []


@pytest.mark.parametrize("lack", LOSSES)
def test_each_missing_capability_is_named(proc: Path, lack: Capability) -> None:
    give(proc, set(Capability) - {lack})
    (told,) = check(proc)
    assert told.startswith(f"CAP_{lack.name} is missing: ")


def test_all_that_is_missing_is_told_at_once(proc: Path) -> None:
    give(proc, {Capability.NET_RAW})
    assert len(check(proc)) == 3


def test_without_packets_there_is_nothing_to_do(proc: Path) -> None:
    give(proc, set(Capability) - {Capability.NET_RAW})
    with pytest.raises(PrivilegeError, match="CAP_NET_RAW"):
        check(proc)


def test_a_process_without_a_status_has_no_right(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text("Name:\tvethscope\n")
    assert capabilities(tmp_path) == frozenset()


def test_own_processes_only_are_told(proc: Path) -> None:
    place(proc, "self/ns/pid", "pid:[4026539999]")
    (told,) = check(proc)
    assert "hostPID" in told


@pytest.fixture
def kind(proc: Path) -> Path:
    """A node that is a container: 1 (its init), 50 (the runtime's), 51 (ourselves)."""
    place(proc, "self/ns/pid", "pid:[4026539999]")
    (proc / "self/ns/mnt").symlink_to("mnt:[51]")
    (proc / "1/ns/mnt").symlink_to("mnt:[1]")
    for process, parent in (("1", 0), ("50", 1), ("self", 50)):
        (proc / process).mkdir(exist_ok=True)
        with (proc / process / "status").open("a") as status:
            status.write(f"PPid:\t{parent}\n")
    return proc


def test_the_first_process_of_a_node_in_a_container_is_the_nodes(kind: Path) -> None:
    assert check(kind) == []


@pytest.mark.parametrize("parent", ["0", "60"])
def test_processes_of_the_own_pod_are_not_the_nodes(kind: Path, parent: str) -> None:
    """With shareProcessNamespace the first one is the sandbox's."""
    (kind / "50/status").write_text(f"PPid:\t{parent}\n")
    (told,) = check(kind)
    assert "hostPID" in told


def test_a_first_process_beside_us_is_our_own(kind: Path) -> None:
    place(kind, "1/ns/mnt", "mnt:[51]")
    (told,) = check(kind)
    assert "hostPID" in told


def test_parents_in_a_circle_are_given_up(kind: Path) -> None:
    (kind / "50/status").write_text("PPid:\t50\n")
    (told,) = check(kind)
    assert "hostPID" in told


def test_an_own_network_is_told(proc: Path) -> None:
    place(proc, "self/ns/net", "net:[2]")
    (told,) = check(proc)
    assert "hostNetwork" in told


def test_where_the_first_process_is_hidden_nothing_is_claimed(proc: Path) -> None:
    (proc / "1/ns/net").unlink()
    assert check(proc) == []
