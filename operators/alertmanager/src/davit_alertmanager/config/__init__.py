"""From a base configuration and AlertmanagerConfigs to alertmanager.yaml. Pure.

`render` does all of it; `foundation`, `contribute` and `assemble` are its steps, for who remembers what has not changed.
"""

from davit_alertmanager.config.base import foundation
from davit_alertmanager.config.contribution import contribute
from davit_alertmanager.config.render import (
    all_references,
    assemble,
    base_references,
    config_references,
    ordered,
    render,
    template_faults,
)

__all__ = [
    "all_references", "assemble", "base_references", "config_references", "contribute", "foundation", "ordered", "render",
    "template_faults",
]  # fmt: skip
