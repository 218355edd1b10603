"""The PersistentVolumeClaim of a member. Made here and not by its StatefulSet, which would replace lost data by none."""

from __future__ import annotations

from davit.model import Manifest

from davit_etcd.manifests import metadata, volume_name
from davit_etcd.model import (
    CLUSTER_ID_ANNOTATION,
    CLUSTER_UID_ANNOTATION,
    MEMBER_LABEL,
    RESTORE_ANNOTATION,
    VERSION_ANNOTATION,
    Cluster,
    Json,
    Member,
    annotation,
)


def volume(cluster: Cluster, member: Member, cluster_id: str, size: str, restore: str = "") -> Manifest:
    """`cluster_id` and the version mark the data, for whoever finds the volume later; `size` is a quantity.

    restore: how far the restore has come whose seed's volume this is, empty for any other.

    What can't change in a claim is taken from the live one, so that a volume taken up from a predecessor fits.
    """
    live = member.volume
    uid = annotation(live, CLUSTER_UID_ANNOTATION) if live and not cluster_id else cluster.uid
    annotations = {CLUSTER_UID_ANNOTATION: uid}
    if cluster_id:
        annotations[CLUSTER_ID_ANNOTATION] = cluster_id
    if restore:
        annotations[RESTORE_ANNOTATION] = restore
    if member.known_version is not None:
        annotations[VERSION_ANNOTATION] = str(member.known_version)
    head = metadata(cluster, volume_name(member.name), annotations, **{MEMBER_LABEL: member.name})
    if not cluster.storage.delete_with_cluster:
        del head["ownerReferences"]
    given = live["spec"] if live else {}
    spec: Json = {
        "accessModes": given.get("accessModes", ["ReadWriteOnce"]),
        "resources": {"requests": {"storage": size}},
    }
    class_name = given.get("storageClassName") if live else cluster.storage.class_name
    if class_name is not None:
        spec["storageClassName"] = class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": head, "spec": spec}


def requested(claim: Manifest) -> str:
    """The size that a claim asks for, a quantity."""
    return str(claim["spec"]["resources"]["requests"]["storage"])
