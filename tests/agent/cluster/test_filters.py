"""Which workloads are captured, and how that changes while all runs."""

from pathlib import Path

import pytest

from agent.cluster import filters
from agent.cluster.addresses import Workload
from agent.cluster.filters import MOST_RULES, Filters, FiltersError, Namespaces, parse
from agent.cluster.watching.objects import Metadata, Partial
from tests.replacing import replace

RULES = """
# The first that fits decides.
allow kube-system/DaemonSet/kube-proxy
deny  kube-*          # and all below
deny  */Job
deny  * tier=test team=web*
deny  * team!=*
allow */Service namespace:stage=live
deny  * namespace:stage!=live
"""
LABELS = {"live": {"stage": "live"}, "bare": None}


def namespace(name: str, labels: dict[str, str] | None, uid: str = "") -> Partial:
    return Partial(Metadata(name, uid=uid or name, labels=labels))


def asked_of(path: str) -> Partial | None:
    name = path.removeprefix("/api/v1/namespaces/")
    return namespace(name, LABELS[name]) if name in LABELS else None


def place(text: str) -> Workload:
    return Workload(*text.split("/"))


@pytest.mark.parametrize(
    ("workload", "labels", "expected"),
    [
        ("kube-system/DaemonSet/kube-proxy", {}, True),
        ("kube-system/DaemonSet/cni", {}, False),
        ("kube-public/Service/x", {}, False),
        ("shop/Job/migrate", {}, False),
        ("live/CronJob/migrate", {"team": "pay"}, True),
        ("live/CronJob/migrate", {}, False),
        ("live/Deployment/a", {"tier": "test", "team": "webshop"}, False),
        ("live/Deployment/a", {"tier": "test"}, False),
        ("live/Deployment/a", {"tier": "test", "team": "pay"}, True),
        ("bare/Deployment/a", {"team": "pay"}, False),
        ("live/Service/a", {"team": "pay"}, True),
        ("unknown/Service/a", {"team": "pay"}, False),
        ("unknown/Deployment/a", {"team": "pay"}, False),
        ("vethscope/Deployment/digger", {}, False),
    ],
)
def test_the_first_rule_that_fits_decides(
    tmp_path: Path, workload: str, labels: dict[str, str], expected: bool
) -> None:
    file = tmp_path / "rules"
    file.write_text(RULES)
    found = Filters(str(file), "vethscope", ask=asked_of)
    assert found.admits(place(workload), labels) is expected


def test_our_own_namespace_is_left_out_unless_a_rule_wants_it(tmp_path: Path) -> None:
    own = place("vethscope/Deployment/digger")
    assert Filters().admits(own, None)
    assert not Filters("", "vethscope").admits(own, None)
    file = tmp_path / "rules"
    file.write_text("allow vethscope")
    assert Filters(str(file), "vethscope").admits(own, None)


def test_rules_that_change_are_heard_of_once_by_each_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, now = tmp_path / "rules", 0.0
    file.write_text("deny shop")
    found = Filters(str(file), "", lambda: now)
    one, two = found.renewed(), found.renewed()
    orders = place("shop/Deployment/orders")
    assert not found.admits(orders, None)
    file.write_text("deny web")
    assert not one()
    now += filters.LOOK_SECONDS
    assert one()
    assert not one()
    assert two()
    assert found.admits(orders, None)
    for _ in range(3):
        now += filters.LOOK_SECONDS
        file.write_text("deny")
        assert not one()
    assert found.admits(orders, None)
    assert caplog.text.count("goes on to hold") == 1


def test_rules_that_are_just_being_written_wait_for_the_rest(tmp_path: Path) -> None:
    file, now, whole = tmp_path / "rules", 0.0, "deny web\ndeny shop"
    file.write_text("deny shop")
    found = Filters(str(file), "", lambda: now, pause=lambda _: replace(file, whole))
    renewed, orders = found.renewed(), place("shop/Deployment/orders")
    file.write_text("")
    now += filters.LOOK_SECONDS
    assert not renewed()
    assert not found.admits(orders, None)
    now += filters.LOOK_SECONDS
    assert renewed()
    assert not found.admits(orders, None)
    assert not found.admits(place("web/Deployment/front"), None)


def test_a_namespace_is_asked_for_once_and_then_watched() -> None:
    asked: list[str] = []
    found = Namespaces(lambda path: asked.append(path))
    for _ in range(3):
        assert found.labels("shop") is None
    assert asked == ["/api/v1/namespaces/shop"]
    found.put(namespace("shop", {"a": "b"}, "1"))
    found.put(namespace("web", None, "2"))
    assert found.labels("shop") == {"a": "b"}
    assert found.labels("web") == {}
    assert len(asked) == 1
    assert found.uids() == {"1", "2"}
    found.drop("1")
    assert found.labels("shop") is None
    assert len(asked) == 2


def test_all_are_judged_anew_once_a_label_that_rules_ask_for_changed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "rules"
    file.write_text("deny * namespace:stage=test")
    found = Filters(str(file))
    renewed, orders = found.renewed(), place("shop/Deployment/orders")
    found.namespaces.put(namespace("shop", {"stage": "test"}))
    assert not renewed()
    assert not found.admits(orders, None)
    found.namespaces.put(namespace("shop", {"stage": "test", "other": "1"}))
    assert not renewed()
    found.namespaces.put(namespace("shop", {"stage": "live"}))
    assert renewed()
    assert not renewed()
    assert found.admits(orders, None)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(FiltersError) as told:
        parse(b"deny a/b/c/d\nforbid x\nallow x y\ndeny * pod:a=b\n", "rules")
    assert str(told.value).count("addresses.filter_file: rules: line") == 4
    with pytest.raises(FiltersError, match="more than"):
        parse(b"deny x\n" * (MOST_RULES + 1), "rules")
    with pytest.raises(FiltersError, match="No such file"):
        Filters("/nowhere/rules")
