"""All custom resources of the operator."""

from __future__ import annotations

from davit_etcd.api.backups import BACKUP_CRD, SCHEDULE_CRD
from davit_etcd.api.restores import RESTORE_CRD
from davit_etcd.api.v1 import CRD

CRDS = (CRD, BACKUP_CRD, SCHEDULE_CRD, RESTORE_CRD)
