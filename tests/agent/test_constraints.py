"""Settings of links that do not go together are told, one line each."""

from pathlib import Path

import pytest

from agent.constraints import is_loopback
from agent.loading import SettingsError, effective, load
from agent.provided import door
from tests.certificates import Authority, Pem

PASSWORD = {
    "kafka-security-protocol": "SASL_SSL",
    "kafka-sasl-mechanism": "PLAIN",
    "kafka-sasl-username": "u",
    "kafka-sasl-password": "p",
}


@pytest.fixture
def pem(tmp_path: Path) -> Pem:
    return Authority().issue(tmp_path / "own")


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("abc-123\n")
    return file


def lines(flags: dict[str, str]) -> list[str]:
    try:
        load(environment={}, flags=flags)
    except SettingsError as error:
        return str(error).splitlines()
    return []


OIDC = {
    "cloud-oidc-issuer": "https://login.example/realms/x",
    "cloud-oidc-client-id": "vethscope",
    "cloud-oidc-grants": "admins=admin; shop=viewer@prod/shop",
    "cloud-origin": "https://tools.example/vethscope",
    "cloud-trusted-proxies": "10.0.0.0/8",
}


def link(group: str, pem: Pem) -> dict[str, str]:
    return {
        f"{group}-ca-file": pem.ca,
        f"{group}-certificate-file": pem.certificate,
        f"{group}-key-file": pem.key,
    }


def test_whole_links_are_taken_and_shown(pem: Pem, token: Path) -> None:
    flags = {"kafka-security-protocol": "SSL", "cloud-token-file": str(token)}
    for group in ("addresses", "cloud", "detector", "kafka"):
        flags |= link(group, pem)
    assert not lines(flags | PASSWORD)
    shown = dict(effective(load(environment={}, flags=flags)))
    assert shown["detector.key_file"] == pem.key
    assert shown["cloud.token_file"] == str(token)


@pytest.mark.parametrize("group", ["addresses", "detector"])
@pytest.mark.parametrize("missing", ["ca", "certificate", "key"])
def test_both_ends_prove_themselves_or_none(pem: Pem, group: str, missing: str) -> None:
    flags = link(group, pem)
    del flags[f"{group}-{missing}-file"]
    (line,) = lines(flags)
    assert line.startswith(f"{group}.c")
    assert line.endswith("one needs the other")


@pytest.mark.parametrize("name", ["mechanism", "username", "password"])
def test_a_password_needs_all_of_its_settings(name: str) -> None:
    flags = {k: v for k, v in PASSWORD.items() if not k.endswith(name)}
    assert lines(flags) == [f"kafka.sasl_{name}: security_protocol SASL_SSL needs it"]


def test_a_certificate_for_kafka_needs_tls(pem: Pem) -> None:
    assert lines(link("kafka", pem)) == [
        "kafka.certificate_file: needs security_protocol SSL or SASL_SSL"
    ]


def test_a_certificate_for_the_cloud_needs_an_authority(pem: Pem) -> None:
    flags = link("cloud", pem) | {"cloud-ca-file": ""}
    assert lines(flags) == ["cloud.certificate_file: needs cloud.ca_file"]


def test_a_mechanism_that_we_do_not_have_is_told() -> None:
    line = lines(PASSWORD | {"kafka-sasl-mechanism": "GSSAPI"})[0]
    assert "'GSSAPI': must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512" in line


def test_a_token_goes_to_another_machine_only_over_tls(pem: Pem, token: Path) -> None:
    flags = {"cloud-token-file": str(token), "cloud-server": "cloud.example:7083"}
    assert lines(flags) == [
        "cloud.token_file: goes to cloud.server only over TLS: set cloud.ca_file"
    ]
    assert not lines(flags | {"cloud-ca-file": pem.ca})
    assert not lines(flags | {"cloud-server": "[::1]:7083"})


def test_a_token_stands_alone_in_a_closed_file(token: Path) -> None:
    flags = {"cloud-token-file": str(token)}
    token.write_text("two words of canary")
    (line,) = lines(flags)
    assert line.startswith("cloud.token_file: must hold one token")
    assert "canary" not in line
    token.chmod(0o644)
    assert lines(flags) == ["cloud.token_file: is open to all users: chmod o-rw"]


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("10.0.0.1:1", False),
        ("cloud:1", False),
    ],
)
def test_loopback_is_this_machine(address: str, holds: bool) -> None:
    assert is_loopback(address) is holds


@pytest.mark.parametrize(
    ("origin", "is_right"),
    [
        ("https://vethscope.example.org", True),
        ("http://localhost:8080", True),
        ("https://vethscope.example.org:8443/a/b-c/", True),
        ("vethscope.example.org", False),
        ("https://vethscope.example.org/a/../b", False),
        ("https://vethscope.example.org/a?b", False),
        ("https://vethscope.example.org//a", False),
        ("https://vethscope.example.org/a b", False),
        ("https://user@vethscope.example.org", False),
    ],
)
def test_origin_is_a_scheme_a_name_and_maybe_a_path(
    origin: str, is_right: bool
) -> None:
    told = lines({"cloud-origin": origin, "cloud-trusted-proxies": "10.0.0.0/8"})
    assert told == ([] if is_right else [told[0]])
    assert is_right or told[0].startswith("cloud.origin: must be")


def test_https_is_ours_or_of_a_proxy_that_is_named(tmp_path: Path) -> None:
    origin = {"cloud-origin": "https://vethscope.example.org"}
    [told] = lines(origin)
    assert "cloud.dashboard_certificate_file" in told
    assert "cloud.trusted_proxies" in told
    pem = Authority().issue(tmp_path)
    own = {
        "cloud-dashboard-certificate-file": pem.certificate,
        "cloud-dashboard-key-file": pem.key,
    }
    assert lines(origin | own) == []
    del own["cloud-dashboard-key-file"]
    assert "cloud.dashboard_certificate_file and dashboard_key_file" in lines(own)[0]


@pytest.mark.parametrize(
    ("networks", "wrong"),
    [
        ("10.0.0.0/8, fd00::/8,192.0.2.1", 0),
        ("10.0.0.1/8", 1),
        ("proxy", 1),
        ("*,10.0.0.0/8,x", 2),
    ],
)
def test_trusted_proxies_are_networks(networks: str, wrong: int) -> None:
    told = lines({"cloud-trusted-proxies": networks})
    assert len(told) == wrong
    assert all("is not a network" in line for line in told)


def test_a_provider_of_identities_is_taken(token: Path, pem: Pem) -> None:
    files = {"cloud-oidc-secret-file": str(token), "cloud-oidc-ca-file": pem.ca}
    assert not lines(OIDC)
    assert not lines(OIDC | files)
    settings = load(environment={}, flags=OIDC | files)
    opened = door(settings.cloud)
    assert opened
    assert opened.provider.host == "login.example"
    assert [grant.group for grant in opened.grants] == ["admins", "shop"]
    assert opened.provider.terms.client_secret == "abc-123"
    assert door(load(environment={}).cloud) is None


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("cloud-oidc-issuer", "login.example"),
        ("cloud-oidc-issuer", "http://login.example"),
        ("cloud-oidc-issuer", "https://login.example/?x=y"),
        ("cloud-oidc-client-id", ""),
        ("cloud-oidc-grants", ""),
        ("cloud-oidc-grants", "admins=owner"),
        ("cloud-oidc-scopes", "profile"),
        ("cloud-oidc-groups-claim", ""),
        ("cloud-oidc-name-claim", ""),
        ("cloud-oidc-secret-file", "/nowhere/at/all"),
        ("cloud-oidc-ca-file", "/nowhere/at/all"),
        ("cloud-oidc-ca-file", "/dev/null"),
        ("cloud-origin", ""),
        ("cloud-origin", "http://tools.example"),
    ],
)
def test_each_setting_of_a_provider_is_told_in_a_line(flag: str, value: str) -> None:
    [line] = lines(OIDC | {flag: value})
    group, name = flag.split("-", 1)
    assert line.startswith(f"{group}.{name.replace('-', '_')}: ")


@pytest.mark.parametrize("name", ["client-id", "grants"])
def test_settings_of_a_provider_alone_are_told(name: str) -> None:
    flag = f"cloud-oidc-{name}"
    told = f"cloud.oidc_{name.replace('-', '_')}: needs cloud.oidc_issuer"
    assert lines({flag: OIDC[flag]}) == [told]
