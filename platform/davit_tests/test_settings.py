from __future__ import annotations

import socket

import pytest
from davit.settings import Settings


def test_defaults_serve_the_whole_cluster() -> None:
    assert Settings.parse([], {}) == Settings(pod=socket.gethostname())


def test_the_environment_sets_everything() -> None:
    environment = {
        "DAVIT_WATCH_NAMESPACES": "a, b,,",
        "POD_NAMESPACE": "davit",
        "POD_NAME": "davit-etcd-0",
        "POD_UID": "f7e6",
        "DAVIT_LEASE": "other",
        "DAVIT_WORKERS": "9",
        "DAVIT_PORT": "9090",
        "DAVIT_CRDS_MAINTAIN": "false",
        "DAVIT_WEBHOOK_SERVICE": "davit",
        "DAVIT_WEBHOOK_CONFIGURATION": "davit-admission",
        "DAVIT_WEBHOOK_SECRET": "davit-keys",
        "DAVIT_WEBHOOK_OWNER": "davit-role",
        "DAVIT_WEBHOOK_PORT": "8443",
        "DAVIT_KUBECONFIG": "/kube",
        "DAVIT_LOG_LEVEL": "debug",
    }
    expected = Settings(
        namespaces=("a", "b"), namespace="davit", pod="davit-etcd-0", pod_uid="f7e6", lease="other", workers=9, port=9090,
        maintain_crds=False, admission_service="davit", admission_configuration="davit-admission",
        admission_secret="davit-keys", admission_owner="davit-role", admission_port=8443, kubeconfig="/kube", log_level="DEBUG",
    )  # fmt: skip
    assert Settings.parse([], environment) == expected


def test_flags_win() -> None:
    found = Settings.parse(["--workers", "2", "--namespaces", ""], {"DAVIT_WORKERS": "9", "DAVIT_WATCH_NAMESPACES": "a"})
    assert (found.workers, found.namespaces) == (2, None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--maintain-crds", "perhaps"], "neither true nor false"),
        (["--workers", "0"], "not a number from 1 up"),
        (["--port", "http"], "invalid int"),
        (["--log-level", "loud"], "invalid choice"),
        (["--unknown"], "unrecognized"),
    ],
)
def test_bad_flags_are_explained(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        Settings.parse(arguments, {})
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
