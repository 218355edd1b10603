from __future__ import annotations

import copy
from typing import Any

import pytest
from davit.testing.restricted import violations

CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{"name": "a", "securityContext": CONTEXT, "ports": [{"containerPort": 1}]}],
    "volumes": [{"name": "v", "projected": {"sources": []}}],
}


def test_a_pod_that_gives_up_everything_is_admitted() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["hostNetwork"], True, "hostNetwork"),
        (["hostPID"], True, "hostPID"),
        (["volumes"], [{"name": "h", "hostPath": {"path": "/"}}], "volume h: hostPath"),
        (["securityContext", "runAsNonRoot"], None, "a: runAsNonRoot"),
        (["securityContext", "runAsUser"], 0, "pod: runAsUser"),
        (["securityContext", "seccompProfile"], None, "a: seccompProfile"),
        (["securityContext", "seccompProfile", "type"], "Unconfined", "a: seccompProfile"),
        (["containers", 0, "securityContext"], None, "a: allowPrivilegeEscalation"),
        (["containers", 0, "securityContext"], {**CONTEXT, "capabilities": {"drop": ["ALL"], "add": ["X"]}}, "a: capabilities"),
        (["containers", 0, "securityContext"], {**CONTEXT, "runAsNonRoot": False}, "a: runAsNonRoot"),
        (["containers", 0, "securityContext"], {**CONTEXT, "privileged": True}, "a: allowPrivilegeEscalation"),
        (["containers", 0, "securityContext"], {**CONTEXT, "procMount": "Unmasked"}, "a: procMount"),
        (["containers", 0, "ports", 0, "hostPort"], 1, "a: hostPort"),
        (["containers", 0, "livenessProbe"], {"httpGet": {"host": "x"}}, "a: livenessProbe: host"),
        (["initContainers"], [{"name": "i"}], "i: allowPrivilegeEscalation"),
    ],
)
def test_every_rule_is_told(path: list[Any], value: Any, said: str) -> None:
    pod = copy.deepcopy(GOOD)
    target: Any = pod
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert said in violations(pod)
