"""What runs inside the local cluster: DNS, the default StorageClass and, if asked, metrics."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from ci.cluster import layout
from ci.images.table import COREDNS, LOCAL_PATH, METRICS, TOOLBOX

HOME = Path(__file__).parent / "addons"
STANDARD = ("coredns", "local-path")
DEPLOYMENTS = (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner"))


def volume_paths() -> str:
    """Each node's own folder: the nodes share one file system, and `down` removes it."""
    paths = [{"node": node.name, "paths": [str(node.lib / "volumes")]} for node in layout.nodes(layout.MAX_NODES)]
    return json.dumps(paths)


def render(*names: str) -> str:
    """The named add-ons as one YAML stream."""
    values = {
        "domain": layout.DOMAIN,
        "dns": layout.DNS_SERVICE,
        "coredns": COREDNS,
        "provisioner": LOCAL_PATH,
        "toolbox": TOOLBOX,
        "metrics": METRICS,
        "paths": volume_paths(),
    }
    files = [HOME / f"{name}.yaml" for name in names]
    return "---\n".join(Template(file.read_text()).substitute(values) for file in files)
