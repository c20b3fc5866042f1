"""Alerts and dashboard: Prometheus accepts them, and what they name is really told."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from agent import served
from agent.digger.detectors import LocalDetector
from agent.digger.inspection import Inspector
from agent.digger.program import Digger
from agent.interceptor.program import Interceptor
from agent.metrics import Metric, exposition, of_process
from agent.settings import Settings
from cloud.store.store import Store
from tests.manifests.rendering import KUSTOMIZE
from tests.manifests.test_components import rendered_with

FOLDER = KUSTOMIZE / "components" / "monitoring"
RULES = FOLDER / "rules.yaml"
DASHBOARD = FOLDER / "dashboard.json"
ALERTS = Path(__file__).with_name("alerts.yaml")

OF_PROMETHEUS = {"up": "", "ALERTS": ""}
OF_JOB = {"job", "component", "pod", "node"}
"""Labels that the scrape job of prometheus.yaml gives to each metric."""

_METRIC = re.compile(r"\b((?:vethscope|process)_\w+|up\b)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')


@pytest.fixture(scope="module")
def metrics() -> list[Metric]:
    """What the roles tell before they have done anything."""
    settings = Settings()
    interceptor = Interceptor(settings)
    roles = (
        interceptor,
        # The digger has one only while it runs.
        Inspector(LocalDetector(""), settings.digger, 1),
        Digger(settings),
        served.detector(settings.detector),
        served.cloud(settings.cloud),
    )
    told: list[Metric] = [*of_process(time.monotonic()), *of_store()]
    # It is closed by `run` only, and nothing runs here.
    with interceptor._unseen:
        for role in roles:
            told += role.metrics()
    return told


def of_store() -> list[Metric]:
    """What an empty store tells."""
    with (
        TemporaryDirectory() as folder,
        closing(Store(f"sqlite:///{folder}/cloud.sqlite3")) as store,
    ):
        store.watch.look()
        return [*served.as_metrics(store.measures())]


@pytest.fixture(scope="module")
def told(metrics: list[Metric]) -> dict[str, str]:
    """Name of each metric → name of its label."""
    return {metric.name: metric.label for metric in metrics}


def promtool(*arguments: str, text: str = "") -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        ["promtool", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def drawn() -> Iterator[str]:
    """The expressions of the dashboard, as Grafana sends them."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m")


def test_prometheus_accepts_the_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_prometheus_accepts_what_the_roles_tell(metrics: list[Metric]) -> None:
    promtool("check", "metrics", text=exposition(metrics))


def test_alerts_fire_when_they_should_and_not_while_all_is_well() -> None:
    promtool("test", "rules", str(ALERTS))


def test_each_alert_is_seen_firing_by_a_test() -> None:
    tested = set(re.findall(r'alertname="(\w+)"', ALERTS.read_text()))
    assert tested == {rule["alert"] for rule in rules()}


def test_each_alert_says_what_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_prometheus_accepts_the_scrape_job(tmp_path: Path) -> None:
    """But for its discovery, which Debian's build leaves out."""
    configuration = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    for job in configuration["scrape_configs"]:
        del job["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    shutil.copy(RULES, tmp_path)
    promtool("check", "config", str(tmp_path / "prometheus.yaml"))


def test_prometheus_accepts_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [
        {"record": f"panel:query:{number}", "expr": expression}
        for number, expression in enumerate(drawn())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": asked}]}))
    promtool("check", "rules", str(file))


def test_the_dashboard_shows_what_every_role_tells(told: dict[str, str]) -> None:
    shown = {name for text in drawn() for name, _ in _METRIC.findall(text)}
    assert told.keys() <= shown


def test_every_panel_says_what_it_shows_and_has_its_own_place() -> None:
    places = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        places.add((grid["x"], grid["y"]))
    assert len(places) == len(panels())


@pytest.mark.parametrize("where", ["rules", "dashboard"])
def test_only_metrics_and_labels_that_are_told_are_named(
    where: str, told: dict[str, str]
) -> None:
    known = told | OF_PROMETHEUS
    texts = [rule["expr"] for rule in rules()] if where == "rules" else drawn()
    for text in texts:
        named = _METRIC.findall(text)
        assert named, text
        for name, labels in named:
            assert name in known, name
            assert set(_LABEL.findall(labels)) <= {known[name]} | OF_JOB, text


def test_prometheus_may_reach_every_role(tmp_path: Path) -> None:
    policy, maps = None, {}
    for thing in rendered_with("monitoring", tmp_path):
        name = thing["metadata"]["name"]
        if thing["kind"] == "ConfigMap":
            maps[name] = thing
        elif thing["kind"] == "NetworkPolicy" and name == "monitoring":
            policy = thing["spec"]
    assert policy is not None
    assert policy["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "vethscope"
    }
    (rule,) = policy["ingress"]
    assert [port["port"] for port in rule["ports"]] == ["health"]
    assert set(maps["prometheus"]["data"]) == {"prometheus.yaml", "rules.yaml"}
    assert maps["dashboard"]["metadata"]["labels"]["grafana_dashboard"] == "1"
