"""Builds the hot modules: Python compiled by Cython, C types in sibling .pxd files.

The Makefile compiles them in place, only those that changed, and then installs the
package for editing with PREBUILT set: that step would compile all of them again.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

COMPILED = sorted(
    module
    for package in ("rings", "detection", "agent", "cloud")
    for path in Path(package).rglob("*.pxd")
    if (module := path.with_suffix(".py")).stem != "memory"
)
"""A module with a .pxd beside it is compiled; memory.pxd is inlined by the others."""

PREBUILT = "editable_wheel" in sys.argv and "PREBUILT" in os.environ

setup(
    options={"build_ext": {"parallel": os.cpu_count()}},
    ext_modules=cythonize(  # type: ignore[no-untyped-call]
        [
            Extension(
                ".".join(path.with_suffix("").parts),
                [str(path)],
                extra_compile_args=["-O3", "-g0"],
            )
            for path in COMPILED
            if not PREBUILT
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
        },
    ),
)
