"""Parts that an overlay may choose."""

import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from agent.interceptor.privileges import Capability
from agent.keys import read_keys
from agent.settings import load
from tests.agent.test_keys import key_file
from tests.manifests.rendering import KUSTOMIZE, Object, containers, pod, render
from tests.manifests.test_schema import KUBERNETES


def rendered_with(component: str, folder: Path) -> tuple[Object, ...]:
    """An overlay of the base and one component."""
    base = os.path.relpath(KUSTOMIZE, folder.resolve())
    (folder / "kustomization.yaml").write_text(
        f"resources: [{base}/base]\ncomponents: [{base}/components/{component}]\n"
    )
    return render(folder)


def test_the_interceptor_can_do_with_four_capabilities(tmp_path: Path) -> None:
    (interceptor,) = (
        thing
        for thing in rendered_with("capabilities", tmp_path)
        if thing["kind"] == "DaemonSet"
    )
    for version in KUBERNETES:
        kubernetes_validate.validate(interceptor, version, strict=True)
    (container,) = containers(interceptor)
    security = container["securityContext"]
    assert security["privileged"] is False
    assert security["capabilities"]["drop"] == ["ALL"]
    assert set(security["capabilities"]["add"]) == {c.name for c in Capability}
    assert pod(interceptor)["hostPID"] is True


@pytest.mark.parametrize(
    ("component", "is_required"), [("encryption", False), ("encryption-required", True)]
)
def test_who_sends_and_who_reads_records_has_the_keys_and_nobody_else(
    tmp_path: Path, component: str, is_required: bool
) -> None:
    have = {}
    for thing in rendered_with(component, tmp_path):
        if thing["kind"] not in ("DaemonSet", "Deployment", "StatefulSet"):
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(thing, version, strict=True)
        for volume in pod(thing).get("volumes", ()):
            if "secret" in volume:
                have[thing["metadata"]["name"]] = (thing, volume["secret"])
    assert set(have) == {"interceptor", "digger"}
    for workload, secret in have.values():
        assert not secret["defaultMode"] & 0o007
        assert not secret.get("optional", False)
        (container,) = containers(workload)
        variables = {v["name"]: v.get("value", "") for v in container["env"]}
        file = Path(variables["VETHSCOPE_KAFKA_ENCRYPTION_KEY_FILE"])
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "keys")
        assert (file.name, str(file.parent)) == ("keys", mount["mountPath"])
        flags = {"kafka-encryption-key-file": key_file(tmp_path, b"k" * 32)}
        assert load(None, variables, flags).kafka.encryption_required is is_required
    digger = pod(have["digger"][0])["securityContext"]
    assert digger["fsGroup"] == digger["runAsGroup"]


def test_the_secret_made_as_documented_is_a_key_file(tmp_path: Path) -> None:
    """The commands of docs/operation.md, but for kubectl: a key, then one before it."""
    text = (KUSTOMIZE.parent / "docs" / "operation.md").read_text()
    (made,) = re.findall(r"^(head .*) > keys$", text, re.M)
    file = Path(key_file(tmp_path))
    for expected in (1, 2):
        subprocess.run(f"{made} >> {file}", shell=True, check=True, timeout=10)
        flags = {"kafka-encryption-key-file": str(file)}
        assert load(environment={}, flags=flags).kafka.encryption_key_file == str(file)
        assert len(read_keys(str(file))) == expected
