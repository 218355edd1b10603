"""A node's configuration files: pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ci.cluster import layout
from ci.cluster.layout import Node
from ci.images.table import PAUSE

CNI_PLUGINS = "/usr/lib/cni"


def containerd(node: Node) -> str:
    """Everything in the node's own folders, so that `down` knows what to remove.

    Without CAP_SYS_RESOURCE runc dies ("can't get final child's PID from pipe") unless
    restrict_oom_score_adj is set.
    """
    return f"""\
version = 2
root = "{node.lib}/containerd"
state = "{node.run}/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  sandbox_image = "{PAUSE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{node.lib}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{node.run}/runc"
"""


def cni(node: Node) -> dict[str, Any]:
    """Pods on a bridge in the node's namespace, routed, never masqueraded."""
    ipam = {
        "type": "host-local",
        "dataDir": f"{node.run}/ipam",
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False}
    return {
        "cniVersion": "1.0.0",
        "name": node.netns,
        "plugins": [
            {**bridge, "hairpinMode": True, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(node: Node, pki: Path) -> dict[str, Any]:
    """Standard timings; the rest is what this kind of node needs.

    No image is ever collected, because none could be pulled again.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.netns}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "clusterDNS": [layout.DNS_SERVICE],
        "clusterDomain": layout.DOMAIN,
        "tlsCertFile": f"{pki}/{node.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/{node.name}.key",
        "resolvConf": f"{node.lib}/resolv.conf",
        "podLogsDir": f"{node.lib}/logs",
        "volumePluginDir": f"{node.lib}/plugins",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%",
                         "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "registryPullQPS": 50,
        "registryBurst": 100,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "maxPods": 200,
    }  # fmt: skip


def proxy(hostname: str, pki: Path) -> dict[str, Any]:
    """kube-proxy; zeros leave the machine's conntrack settings as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{pki}/proxy.conf"},
        "mode": "iptables",
        "clusterCIDR": layout.POD_CIDR,
        "hostnameOverride": hostname,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s",
                      "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:11256",
        "metricsBindAddress": "127.0.0.1:11249",
    }  # fmt: skip
