"""How a person configures an operator's process: flags, each with an environment variable as its default."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between installations of one operator.

    namespaces: those to serve, None for the whole cluster; namespace: where the operator itself runs (its lease
    is there), empty to ask the credentials; admission_service: by which the API server reaches this process, empty for no
    admission; pod: the process's name among its replicas; pod_uid: of the pod in whose
    one container it runs, empty where that is not so or not known.
    """

    namespaces: tuple[str, ...] | None = None
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    lease: str = ""
    workers: int = 4
    port: int = 8080
    maintain_crds: bool = True
    admission_service: str = ""
    admission_configuration: str = ""
    admission_secret: str = ""
    admission_owner: str = ""
    admission_port: int = 9443
    kubeconfig: str | None = None
    log_level: str = "INFO"

    @classmethod
    def parse(cls, arguments: Sequence[str], environment: Mapping[str, str], name: str = "davit") -> Settings:
        """Flags win over the environment; exits with a usage message on a bad flag, as argparse does."""
        found = _parser(name, environment).parse_args(arguments)
        return cls(
            namespaces=tuple(part.strip() for part in found.namespaces.split(",") if part.strip()) or None,
            namespace=found.namespace,
            pod=found.pod,
            pod_uid=found.pod_uid,
            lease=found.lease,
            workers=found.workers,
            port=found.port,
            maintain_crds=found.maintain_crds,
            admission_service=found.admission_service,
            admission_configuration=found.admission_configuration,
            admission_secret=found.admission_secret,
            admission_owner=found.admission_owner,
            admission_port=found.admission_port,
            kubeconfig=found.kubeconfig or None,
            log_level=found.log_level,
        )


def _parser(name: str, environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)

    def flag(flag: str, variable: str, default: str, text: str, **more: object) -> None:
        value = environment.get(variable, default)
        parser.add_argument(flag, default=value, help=f"{text} [${variable}]", **more)  # type: ignore[arg-type]

    flag("--namespaces", "DAVIT_WATCH_NAMESPACES", "", "comma-separated namespaces to serve; empty for all")
    flag("--namespace", "POD_NAMESPACE", "", "the operator's own namespace; empty to ask the credentials")
    flag("--pod", "POD_NAME", socket.gethostname(), "this replica's name")
    flag("--pod-uid", "POD_UID", "", "uid of this replica's pod: after a crash it leads again without waiting")
    flag("--lease", "DAVIT_LEASE", "", "name of the leader lease; empty for the operator's name")
    flag("--workers", "DAVIT_WORKERS", "4", "resources worked on at a time", type=_positive)
    flag("--port", "DAVIT_PORT", "8080", "port of /metrics, /healthz and /readyz", type=int)
    flag("--maintain-crds", "DAVIT_CRDS_MAINTAIN", "true", "keep the operator's CRDs current", type=_truth)
    flag("--admission-service", "DAVIT_WEBHOOK_SERVICE", "", "Service in front of the webhook; empty for no admission")
    flag("--admission-configuration", "DAVIT_WEBHOOK_CONFIGURATION", "", "name of the ValidatingWebhookConfiguration")
    flag("--admission-secret", "DAVIT_WEBHOOK_SECRET", "", "Secret in the operator's namespace for the webhook's keys")
    flag("--admission-owner", "DAVIT_WEBHOOK_OWNER", "", "ClusterRole with which these are removed; empty to leave them")
    flag("--admission-port", "DAVIT_WEBHOOK_PORT", "9443", "port of the webhook", type=int)
    flag("--kubeconfig", "DAVIT_KUBECONFIG", "", "instead of the service account or $KUBECONFIG")
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    flag("--log-level", "DAVIT_LOG_LEVEL", "INFO", "least severe lines", type=str.upper, choices=levels)
    return parser


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)
