"""Templates of the dashboard and of its front door: all of them escape every name."""

from pathlib import Path

import jinja2


def environment(folder: Path) -> jinja2.Environment:
    """Of the templates in a folder; what a template names has to be there."""
    return jinja2.Environment(
        autoescape=True,
        loader=jinja2.FileSystemLoader(folder),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
