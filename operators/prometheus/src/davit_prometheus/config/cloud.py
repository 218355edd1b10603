"""Authentication towards AWS and Azure. Pure."""

from __future__ import annotations

import uuid

from davit.monitoring.http import Context, Unusable

from davit_prometheus.api.remote import AzureAD, Sigv4
from davit_prometheus.model import Json


def sigv4(context: Context, given: Sigv4 | None, path: str) -> Json:
    """`sigv4`."""
    if given is None:
        return {}
    config: Json = {}
    if given.region:
        config["region"] = given.region
    config |= _keys(context, given, path)
    if given.profile:
        config["profile"] = given.profile
    if given.role_arn:
        config["role_arn"] = given.role_arn
    if given.external_id:
        if not given.role_arn:
            raise Unusable(f"{path}.externalId", "goes with a role: set roleArn, or remove externalId")
        if context.gate.since("3.11.0", f"{path}.externalId"):
            config["external_id"] = given.external_id
    if given.use_fips_sts_endpoint is not None and context.gate.since("2.54.0", f"{path}.useFIPSSTSEndpoint"):
        config["use_fips_sts_endpoint"] = given.use_fips_sts_endpoint
    return {"sigv4": config}


def _keys(context: Context, given: Sigv4, path: str) -> Json:
    if given.access_key is None and given.secret_key is None:
        return {}
    if given.access_key is None or given.secret_key is None:
        missing = "accessKey" if given.access_key is None else "secretKey"
        raise Unusable(f"{path}.{missing}", "is missing: accessKey and secretKey go together")
    access = context.secret(given.access_key, f"{path}.accessKey")
    secret = context.secret(given.secret_key, f"{path}.secretKey")
    if bool(access) != bool(secret):
        raise Unusable(path, "one of accessKey and secretKey is empty: fill both, or neither")
    return {"access_key": access, "secret_key": secret} if access else {}


def azuread(context: Context, given: AzureAD | None, path: str) -> Json:
    """`azuread`; raises `Unusable` unless there is exactly one way to authenticate that the version knows."""
    if given is None:
        return {}
    ways = {
        "managedIdentity": given.managed_identity,
        "oauth": given.oauth,
        "sdk": given.sdk,
        "workloadIdentity": given.workload_identity,
    }
    chosen = [name for name, way in ways.items() if way is not None]
    if len(chosen) != 1:
        found = f"has {' and '.join(chosen)}: keep one of them" if chosen else f"needs one of {', '.join(ways)}"
        raise Unusable(path, found)
    config = _way(context, given, path)
    if given.cloud is not None:
        config["cloud"] = given.cloud
    if given.scope and context.gate.since("3.9.0", f"{path}.scope"):
        config["scope"] = given.scope
    return {"azuread": config}


def _way(context: Context, given: AzureAD, path: str) -> Json:
    if (identity := given.managed_identity) is not None:
        return {"managed_identity": _managed(context, identity.client_id or "", f"{path}.managedIdentity.clientId")}
    if (oauth := given.oauth) is not None:
        _needs(context, "2.48.0", f"{path}.oauth")
        _uuid(oauth.client_id, f"{path}.oauth.clientId")
        secret = context.secret(oauth.client_secret, f"{path}.oauth.clientSecret")
        for name, value in (("clientSecret", secret), ("tenantId", oauth.tenant_id)):
            if not value:
                raise Unusable(f"{path}.oauth.{name}", "is empty: fill it in")
        return {"oauth": {"client_id": oauth.client_id, "client_secret": secret, "tenant_id": oauth.tenant_id}}
    if given.sdk is not None:
        _needs(context, "2.52.0", f"{path}.sdk")
        return {"sdk": {"tenant_id": given.sdk.tenant_id or ""}}
    assert given.workload_identity is not None
    _needs(context, "3.7.0", f"{path}.workloadIdentity")
    workload = given.workload_identity
    _uuid(workload.client_id, f"{path}.workloadIdentity.clientId")
    _uuid(workload.tenant_id, f"{path}.workloadIdentity.tenantId")
    return {"workload_identity": {"client_id": workload.client_id, "tenant_id": workload.tenant_id}}


def _managed(context: Context, client_id: str, path: str) -> Json:
    if not client_id and not context.gate.at_least("3.5.0"):
        raise Unusable(path, f"is missing: Prometheus {context.gate.version} needs it, 3.5.0 and later don't")
    if client_id:
        _uuid(client_id, path)
    return {"client_id": client_id} if client_id else {}


def _needs(context: Context, minimum: str, path: str) -> None:
    """Without the way to authenticate nothing would be accepted: the entry is of no use to an older version."""
    if not context.gate.at_least(minimum):
        raise Unusable(path, f"needs Prometheus {minimum}, this is {context.gate.version}: upgrade, or authenticate otherwise")


def _uuid(text: str, path: str) -> None:
    try:
        uuid.UUID(text)
    except ValueError:
        raise Unusable(path, f"{text!r} is not a UUID: copy the ID from the Azure portal") from None
