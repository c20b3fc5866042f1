"""A Kubernetes node and its control plane, for real, in namespaces of their own.

kubelet, kube-apiserver and the others of PROGRAMS are built by
`tests.kubernetes.building`; etcd, containerd, runc and the bridge plug-in are
Debian's. `images.py` has the images: no registry is asked. Needs root. Nothing of the
host's is used but its kernel: the node is one as kind's are, a container.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.kubernetes import building
from tests.kubernetes.building import binary
from tests.waiting import eventually

HERE = Path(__file__).parent
ADDRESS = "172.18.0.2"
SERVER = f"https://{ADDRESS}:6443"
TOKEN = "tests-only"
PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
OF_DEBIAN = (
    *("etcd", "containerd", "ctr", "runc", "iptables", "openssl"),
    *("unshare", "nsenter", "ip"),
)
PLUGINS = Path("/usr/lib/cni")
CONTROLLERS = Path("/sys/fs/cgroup")
GROUP = "vethscope-tests"
SOCKET = "/run/containerd/containerd.sock"

START_SECONDS = 120
COMMAND_SECONDS = 300


def missing() -> str:
    """Why there can be no node here; empty if there can."""
    if os.geteuid() != 0:
        return "a node needs root"
    for program in OF_DEBIAN:
        if not shutil.which(program):
            return f"{program} is not installed"
    if not (PLUGINS / "bridge").exists():
        return "containernetworking-plugins is not installed"
    for name in PROGRAMS:
        if building.missing(name) or not binary(name).is_file():
            return f"{name} is not built: make cluster"
    return ""


class Node:
    """Up once it is made; `close` ends it and all that ran in it, and its folder."""

    def __init__(self, folder: Path, images: list[Path]) -> None:
        self.folder = folder
        self.config = folder / "admin.conf"
        self._kubectl = (str(binary("kubectl")), "--kubeconfig", str(self.config))
        self._bottom = ""
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("log", "cni/net.d"):
            (folder / name).mkdir(parents=True)
        self._certify()
        self._write()
        _make_groups()
        self._shell = self._spawn(
            "init",
            *("unshare", "-m", "-n", "-p", "-i", "-u", "--fork", "--mount-proc"),
            *("--kill-child", str(HERE / "init.sh"), str(folder)),
        )
        try:
            self._begin(images)
        except BaseException:
            self.close()
            raise

    def _begin(self, images: list[Path]) -> None:
        self._until((self.folder / "up").exists)
        children = f"/proc/{self._shell.pid}/task/{self._shell.pid}/children"
        self._bottom = Path(children).read_text().split()[0]
        self.start("containerd", "--config", str(self.folder / "containerd.toml"))
        self.start_store()
        self.start_server()
        for image in images:
            self._until(partial(self._has, image))
        self.start_controllers()
        self.start_agents()
        names = (str(HERE / "names.py"), ADDRESS, *self._kubectl)
        self.start("names", *names, program=sys.executable)

    def _has(self, image: Path) -> bool:
        ctr = ("ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import")
        return self.run(*ctr, str(image)).returncode == 0

    def start_store(self) -> None:
        self.start(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--unsafe-no-fsync",
        )

    def start_server(self) -> None:
        """Returns once it is ready."""
        own = self.folder
        self.start(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            "--secure-port=6443",
            f"--advertise-address={ADDRESS}",
            f"--tls-cert-file={own}/server.crt",
            f"--tls-private-key-file={own}/server.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={own}/accounts.key",
            f"--service-account-signing-key-file={own}/accounts.key",
            f"--token-auth-file={own}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
        )
        self._until(lambda: self.kubectl("get", "--raw", "/readyz")[0] == 0)

    def start_controllers(self) -> None:
        own = self.folder
        self.start(
            "kube-controller-manager",
            f"--kubeconfig={self.config}",
            f"--service-account-private-key-file={own}/accounts.key",
            f"--root-ca-file={own}/ca.crt",
            "--leader-elect=false",
        )
        self.start(
            "kube-scheduler", f"--kubeconfig={self.config}", "--leader-elect=false"
        )

    def start_agents(self) -> None:
        """What runs on each node."""
        self.start(
            "kubelet",
            f"--config={self.folder}/kubelet.yaml",
            f"--kubeconfig={self.config}",
            f"--node-ip={ADDRESS}",
            "--hostname-override=vethscope-node",
        )
        self.start("kube-proxy", f"--config={self.folder}/proxy.yaml")

    def start(self, name: str, *arguments: str, program: str = "") -> None:
        """A program of the node; its log is NAME.log, `stop` ends it."""
        program = program or (str(binary(name)) if name in PROGRAMS else name)
        command = [program, *arguments]
        script = f'echo $$ >"{self.folder}/{name}.pid"; exec "$@"'
        inside = self._inside("sh", "-c", script, "sh", *command)
        self._programs[name] = self._spawn(name, *inside)

    def _spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """Kills it, and returns once it is gone."""
        pid = (self.folder / f"{name}.pid").read_text().strip()
        self.run("kill", "-KILL", pid)
        self._programs.pop(name).wait(30)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the node's namespaces."""
        return subprocess.run(
            self._inside(*command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def kubectl(self, *arguments: str, text: str = "") -> tuple[int, str, str]:
        """Exit status, output, and what it says beside."""
        done = subprocess.run(
            self._inside(*self._kubectl, *arguments),
            input=text,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return done.returncode, done.stdout, done.stderr

    def close(self) -> None:
        """At once: there is nothing to keep."""
        if self._bottom:
            subprocess.run(["kill", "-KILL", self._bottom], check=False)
        self._shell.kill()
        for process in (*self._programs.values(), self._shell):
            process.wait(30)
        # Processes that were killed are in their groups until the kernel is done.
        eventually(_are_groups_removed, START_SECONDS)
        subprocess.run(["rm", "-rf", str(self.folder)], check=False)

    def _inside(self, *command: str) -> list[str]:
        enter = ["nsenter", "-t", self._bottom, "-m", "-n", "-p", "-i", "-u", "--"]
        return [*enter, *command]

    def _until(self, holds: Callable[[], bool]) -> None:
        if not eventually(holds, START_SECONDS):
            raise RuntimeError(f"the node is not up; logs are in {self.folder}")

    def _certify(self) -> None:
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        alternative = ",".join(
            [*(f"DNS:{n}" for n in names), *(f"IP:{a}" for a in (ADDRESS, "10.96.0.1"))]
        )
        (self.folder / "names.ext").write_text(f"subjectAltName={alternative}\n")
        new = "openssl req -newkey rsa:2048 -nodes"
        for line in (
            f"{new} -x509 -keyout ca.key -out ca.crt -days 30 -subj /CN=node",
            "openssl genrsa -out accounts.key 2048",
            f"{new} -keyout server.key -out server.csr -subj /CN=kube-apiserver",
            "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key "
            "-CAcreateserial -days 30 -out server.crt -extfile names.ext",
        ):
            subprocess.run(
                line.split(), cwd=self.folder, check=True, capture_output=True
            )

    def _write(self) -> None:
        """Settings of all programs."""
        own = self.folder
        (own / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
        user = {"name": "u", "user": {"token": TOKEN}}
        server = {"server": SERVER, "certificate-authority": str(own / "ca.crt")}
        documents = {
            "admin.conf": {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [{"name": "k", "cluster": server}],
                "users": [user],
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            },
            "kubelet.yaml": {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "failCgroupV1": False,
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{GROUP}",
                "authentication": {
                    "anonymous": {"enabled": True},
                    "webhook": {"enabled": False},
                },
                "authorization": {"mode": "AlwaysAllow"},
                "clusterDNS": [ADDRESS],
                "clusterDomain": "cluster.local",
                "resolvConf": "",
                "containerRuntimeEndpoint": f"unix://{SOCKET}",
                "imageGCHighThresholdPercent": 100,
                "imageGCLowThresholdPercent": 99,
                "evictionHard": {
                    "memory.available": "100Mi",
                    **dict.fromkeys(("nodefs.available", "imagefs.available"), "0%"),
                    **dict.fromkeys(("nodefs.inodesFree", "imagefs.inodesFree"), "0%"),
                },
                "localStorageCapacityIsolation": False,
                "serializeImagePulls": False,
            },
            "proxy.yaml": {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "clientConnection": {"kubeconfig": str(self.config)},
                "mode": "iptables",
                "hostnameOverride": "vethscope-node",
                "clusterCIDR": "10.244.0.0/16",
                "conntrack": {
                    "maxPerCore": 0,
                    "min": 0,
                    "tcpEstablishedTimeout": "0s",
                    "tcpCloseWaitTimeout": "0s",
                },
            },
            "cni/net.d/10-bridge.conflist": {
                "cniVersion": "1.0.0",
                "name": "bridge",
                "plugins": [
                    {
                        "type": "bridge",
                        "bridge": "cni0",
                        "isGateway": True,
                        "ipMasq": True,
                        "hairpinMode": True,
                        "ipam": {
                            "type": "host-local",
                            "ranges": [[{"subnet": "10.244.0.0/24"}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    },
                    {"type": "portmap", "capabilities": {"portMappings": True}},
                ],
            },
        }
        for name, document in documents.items():
            # YAML is a superset of it.
            (own / name).write_text(json.dumps(document))
        (own / "containerd.toml").write_text(
            (HERE / "containerd.toml").read_text().format(root=own, plugins=PLUGINS)
        )


def _make_groups() -> None:
    """The control group that the kubelet's are in, in each hierarchy (cgroups v1)."""
    for controller in CONTROLLERS.iterdir():
        if controller.is_dir() and controller.name != "unified":
            group = controller / GROUP
            group.mkdir(exist_ok=True)
            if controller.name == "cpuset":
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (group / name).write_text((controller / name).read_text())


def _are_groups_removed() -> bool:
    """Tries to, from within."""
    groups = [one / GROUP for one in CONTROLLERS.iterdir() if (one / GROUP).is_dir()]
    for group in groups:
        folders = sorted(
            (p for p in group.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)
        )
        for folder in (*folders, group):
            with suppress(OSError):
                folder.rmdir()
    return not any(group.is_dir() for group in groups)
