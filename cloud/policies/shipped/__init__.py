"""Sets of policies to begin with, by name: a YAML file each in this folder."""

from importlib.resources import files

from cloud.policies.rule import Policy, read

TITLES = {
    "pci-dss": "PCI DSS 4.0: account data",
    "gdpr-special": "GDPR, Article 9: special categories",
    "hipaa": "HIPAA: health data",
    "secrets": "Passwords, keys and tokens",
}
"""Name of a set → what it is for."""


def text(name: str) -> str:
    """The YAML document of a set."""
    return files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def policies(name: str) -> tuple[Policy, ...]:
    return read(text(name))
