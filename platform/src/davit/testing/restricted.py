"""Whether a pod would be admitted under Pod Security `restricted`.

Source: "Pod Security Standards" in the Kubernetes documentation, the policies Baseline and Restricted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_PROFILES = ("RuntimeDefault", "Localhost")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def violations(pod: Mapping[str, Any]) -> list[str]:
    """What of a pod spec `restricted` refuses, empty when it is admitted."""
    return list(_violations(pod))


def _violations(pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    for volume in pod.get("volumes") or ():
        if strange := set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: {', '.join(sorted(strange))}"
    context = pod.get("securityContext") or {}
    yield from (f"pod: {problem}" for problem in _context(context))
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(part) or ():
            yield from (f"{container['name']}: {problem}" for problem in _container(container, context))


def _container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    yield from _context(own)
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()) or set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield "capabilities"
    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot"
    profile = own.get("seccompProfile") or pod.get("seccompProfile") or {}
    if profile.get("type") not in _PROFILES:
        yield "seccompProfile"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    yield from ("hostPort" for port in container.get("ports") or () if port.get("hostPort"))
    for name in _PROBES:
        probe = container.get(name) or {}
        yield from (f"{name}: host" for action in probe.values() if isinstance(action, Mapping) and action.get("host"))


def _context(context: Mapping[str, Any]) -> Iterator[str]:
    """What is refused of a pod's and of a container's own context alike."""
    if context.get("runAsUser") == 0:
        yield "runAsUser"
    if context.get("sysctls"):
        yield "sysctls"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess"
    if set(context.get("seLinuxOptions") or ()) & {"user", "role"}:
        yield "seLinuxOptions"
