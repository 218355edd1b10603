"""What the environment says about the run, read once; every variable is listed here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
LOCAL_KUBECONFIG = REPO / ".davit" / "kubeconfig"
LOCAL_AUDIT_LOG = REPO / ".davit" / "cluster" / "audit.log"

MODES = ("keep", "remove", "installed")


class NotConfigured(Exception):
    """The run can't start; a suite that skipped instead would look green."""


@dataclass(frozen=True)
class Settings:
    """DAVIT_KUBECONFIG: the cluster; else the one that `make up` started.

    DAVIT_E2E_OPERATOR: keep (default) installs or upgrades the chart and leaves it there, remove uninstalls it
    after the session, installed tests the one that is there.
    DAVIT_E2E_NAMESPACE, DAVIT_E2E_RELEASE: where that is.
    DAVIT_E2E_HELM: a Helm 4 binary; default `python -m ci.tools path helm4`.
    DAVIT_E2E_VALUES: further values files for the chart, separated by ':'.
    DAVIT_E2E_VERSIONS: three etcd versions that can be upgraded from one to the next, oldest first.
    DAVIT_E2E_PROMETHEUS, DAVIT_E2E_ALERTMANAGER: two versions of each, the older first.
    DAVIT_E2E_WITNESS_IMAGE: what is scraped and notified, ci/images/toolbox; it must be on the nodes.
    DAVIT_E2E_STORE_IMAGE: the MinIO of the backup tests, default ci/images/minio; it must be on the nodes or be pulled.
    DAVIT_E2E_TRAFFIC_IMAGE: any image with python3; default the operator's own.
    DAVIT_E2E_AUDIT_LOG: the API server's audit log, where the test process can read it.
    DAVIT_E2E_ARTIFACTS: where failed tests leave what they saw.
    DAVIT_E2E_PATIENCE: a factor on every deadline, for slow machines.
    """

    kubeconfig: Path
    mode: str
    namespace: str
    release: str
    helm: str
    values: tuple[Path, ...]
    versions: tuple[str, str, str]
    prometheus: tuple[str, str]
    alertmanager: tuple[str, str]
    witness_image: str
    store_image: str
    traffic_image: str
    audit_log: Path | None
    artifacts: Path
    patience: float

    @property
    def version(self) -> str:
        """The etcd version of tests that are not about versions: the middle one, so that both ways exist."""
        return self.versions[1]


def load(env: Mapping[str, str] = os.environ) -> Settings:
    """The settings, or NotConfigured with the remedy."""
    mode = env.get("DAVIT_E2E_OPERATOR", "keep")
    if mode not in MODES:
        raise NotConfigured(f"DAVIT_E2E_OPERATOR={mode!r}: must be one of {', '.join(MODES)}")
    return Settings(
        kubeconfig=kubeconfig(env),
        mode=mode,
        namespace=env.get("DAVIT_E2E_NAMESPACE", "davit-system"),
        release=env.get("DAVIT_E2E_RELEASE", "davit"),
        helm=env.get("DAVIT_E2E_HELM", ""),
        values=tuple(Path(path) for path in env.get("DAVIT_E2E_VALUES", "").split(":") if path),
        versions=versions(env.get("DAVIT_E2E_VERSIONS", "3.5.33,3.6.14,3.7.0")),
        prometheus=pair(env, "DAVIT_E2E_PROMETHEUS", "v2.53.3,v3.13.2"),
        alertmanager=pair(env, "DAVIT_E2E_ALERTMANAGER", "v0.28.1,v0.31.1"),
        witness_image=env.get("DAVIT_E2E_WITNESS_IMAGE", "ghcr.io/davit-dev/toolbox:1"),
        store_image=env.get("DAVIT_E2E_STORE_IMAGE", ""),
        traffic_image=env.get("DAVIT_E2E_TRAFFIC_IMAGE", ""),
        audit_log=audit_log(env),
        artifacts=Path(env.get("DAVIT_E2E_ARTIFACTS", REPO / ".davit" / "e2e-artifacts")),
        patience=float(env.get("DAVIT_E2E_PATIENCE", "1")),
    )


def kubeconfig(env: Mapping[str, str]) -> Path:
    """DAVIT_KUBECONFIG, else the local cluster's; never the user's current context, which may be production."""
    path = Path(env.get("DAVIT_KUBECONFIG") or LOCAL_KUBECONFIG)
    if not path.is_file():
        raise NotConfigured(f"no cluster: {path} is not there. Run `make up`, or set DAVIT_KUBECONFIG to a kubeconfig")
    return path


def audit_log(env: Mapping[str, str]) -> Path | None:
    """The audit log, None where the cluster's is out of reach."""
    named = env.get("DAVIT_E2E_AUDIT_LOG")
    if named:
        if not Path(named).is_file():
            raise NotConfigured(f"DAVIT_E2E_AUDIT_LOG={named} is not there")
        return Path(named)
    local = not env.get("DAVIT_KUBECONFIG") or Path(env["DAVIT_KUBECONFIG"]) == LOCAL_KUBECONFIG
    return LOCAL_AUDIT_LOG if local and LOCAL_AUDIT_LOG.is_file() else None


def versions(text: str) -> tuple[str, str, str]:
    """Three versions from a list with commas."""
    words = [word.strip() for word in text.split(",")]
    if len(words) != 3:
        raise NotConfigured(f"DAVIT_E2E_VERSIONS={text!r}: three versions, oldest first, separated by commas")
    return words[0], words[1], words[2]


def pair(env: Mapping[str, str], name: str, default: str) -> tuple[str, str]:
    """Two versions from a variable with a comma."""
    words = [word.strip() for word in env.get(name, default).split(",")]
    if len(words) != 2:
        raise NotConfigured(f"{name}={env[name]!r}: two versions, the older first, separated by a comma")
    return words[0], words[1]
