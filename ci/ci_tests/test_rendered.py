"""Rendered configuration: the settings without which this kind of node does not work."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import yaml

from ci.cluster import addons, flags, layout, nodeconfig
from ci.cluster.flags import Flags
from ci.cluster.layout import Node
from ci.paths import LIB, RUN

STATE = Path("/state")
FLAGS = Flags(STATE, "172.30.0.1", 6443, 12379, 12380)


def test_containerd_keeps_to_its_own_folders() -> None:
    config = tomllib.loads(nodeconfig.containerd(Node(2)))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["root"].startswith(str(LIB / "node2"))
    assert config["state"].startswith(str(RUN / "node2"))
    assert cri["restrict_oom_score_adj"] is True
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"].startswith(str(RUN))


def test_sockets_fit_the_kernels_limit() -> None:
    for node in layout.nodes(layout.MAX_NODES):
        assert len(str(node.socket)) + len(".ttrpc") < 107


def test_nodes_have_nothing_in_common() -> None:
    one, two, three = layout.nodes(3)
    for attribute in ("name", "netns", "veth", "address", "pod_cidr", "lib", "run", "socket"):
        assert len({str(getattr(node, attribute)) for node in (one, two, three)}) == 3
    assert one.address == "172.30.0.2"
    assert one.pod_cidr == "10.244.1.0/24"
    assert all(len(node.veth) <= 15 for node in (one, two, three))


def test_pods_are_routed_and_never_masqueraded() -> None:
    bridge, portmap = nodeconfig.cni(Node(1))["plugins"]
    assert bridge["ipMasq"] is False
    assert bridge["hairpinMode"] is True
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert portmap["type"] == "portmap"


def test_kubelet_of_a_node_without_a_way_out() -> None:
    config = nodeconfig.kubelet(Node(1), STATE / "pki")
    assert config["cgroupRoot"] == "/davit-node1"
    assert config["clusterDNS"] == ["10.96.0.10"]
    assert config["imageGCHighThresholdPercent"] == 100
    assert config["podLogsDir"].startswith(str(LIB))
    assert "syncFrequency" not in config


def test_proxy_leaves_the_machines_conntrack_alone() -> None:
    conntrack = nodeconfig.proxy("x", STATE)["conntrack"]
    assert conntrack["maxPerCore"] == 0
    assert conntrack["tcpEstablishedTimeout"] == "0s"


def test_api_server_of_a_cluster() -> None:
    argv = flags.apiserver(FLAGS, Path("kube-apiserver"))
    assert "--bind-address=172.30.0.1" in argv
    assert "--enable-admission-plugins=NodeRestriction" in argv
    assert "--audit-log-path=/state/audit.log" in argv
    assert not any("ServiceAccount" in arg for arg in argv)


def test_api_server_alone_needs_no_service_accounts_or_endpoints() -> None:
    alone = Flags(STATE, "127.0.0.1", 1, 2, 3, nodes=False, controllers=False)
    argv = flags.apiserver(alone, Path("kube-apiserver"))
    assert "--disable-admission-plugins=ServiceAccount" in argv
    assert "--endpoint-reconciler-type=none" in argv


def test_controllers_are_standard_but_for_the_named_flags() -> None:
    argv = flags.controllers(FLAGS, Path("kube-controller-manager"))
    assert "--concurrent-statefulset-syncs=10" in argv
    assert "--kube-api-qps=200" in argv
    assert not any("sync-period" in arg for arg in argv)


def test_audit_counts_writes_only() -> None:
    policy = flags.audit_policy()
    rules = policy["rules"]
    assert isinstance(rules, list)
    assert [rule["level"] for rule in rules] == ["None", "Metadata", "None"]
    assert "get" not in rules[1]["verbs"]


def test_addons() -> None:
    objects = list(yaml.safe_load_all(addons.render(*addons.STANDARD)))
    by_kind = {(o["kind"], o["metadata"]["name"]): o for o in objects}
    storage = by_kind["StorageClass", "standard"]
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"]
    corefile = by_kind["ConfigMap", "coredns"]["data"]["Corefile"]
    assert "ttl 30" in corefile
    assert "forward" not in corefile
    assert by_kind["Service", "kube-dns"]["spec"]["clusterIP"] == layout.DNS_SERVICE
    config = by_kind["ConfigMap", "local-path-config"]["data"]
    assert {p["node"] for p in json.loads(config["config.json"])["nodePathMap"]} == {
        "node1", "node2", "node3",
    }  # fmt: skip
    assert '"$VOL_DIR"' in config["setup"]
    for name in addons.DEPLOYMENTS:
        assert ("Deployment", name[1]) in by_kind
