"""Printed targets: what was measured, what was aimed at, and whether it was reached.

Benchmarks never fail for being slow: the machine may be busy with something else.
"""

import os
import platform


def print_machine() -> None:
    """Where all that follows was measured."""
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} processors, load average {load}")


def at_least(name: str, value: float, aim: float, unit: str, digits: int = 0) -> None:
    _tell(name, value, f"at least {aim:,.{digits}f}", value >= aim, unit, digits)


def at_most(name: str, value: float, aim: float, unit: str, digits: int = 0) -> None:
    _tell(name, value, f"at most {aim:,.{digits}f}", value <= aim, unit, digits)


def told(name: str, value: float, unit: str, digits: int = 0) -> None:
    """A number without an aim."""
    print(f"{name:52} {value:12,.{digits}f} {unit}", flush=True)


def _tell(
    name: str, value: float, aim: str, is_reached: bool, unit: str, digits: int
) -> None:
    words = f"(aim: {aim}){'' if is_reached else ' NOT REACHED'}"
    print(f"{name:52} {value:12,.{digits}f} {unit} {words}", flush=True)
