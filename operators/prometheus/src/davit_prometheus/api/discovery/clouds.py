"""Discovery of machines in the large clouds: AWS, Azure, Google, OpenStack."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import Spec, schema
from pydantic import Field

from davit_prometheus.api.discovery.base import AuthClient, Client, Filters, Ported, Refreshed, SecretKey, Text, Tls, Url

AzureMethod = Annotated[str, Field(json_schema_extra={"enum": ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"]})]
OpenStackRole = Annotated[str, Field(json_schema_extra={"enum": ["Instance", "Hypervisor", "LoadBalancer"]})]
Availability = Annotated[str, Field(json_schema_extra={"enum": ["Public", "public", "Admin", "admin", "Internal", "internal"]})]


class AwsKeys(Spec):
    """How to sign requests to AWS."""

    region: Text | None = Field(default=None, description="AWS region. Default: that of the instance metadata.")
    access_key: SecretKey | None = Field(default=None, description="AWS API key; needs secretKey too.")
    secret_key: SecretKey | None = Field(default=None, description="AWS API secret; needs accessKey too.")
    role_arn: Text | None = Field(default=None, alias="roleARN", description="Role to assume.")


class EC2SDConfig(AwsKeys, Client, Refreshed, Ported):
    """Targets from AWS EC2 instances."""

    filters: Filters | None = Field(default=None, description="Filters of DescribeInstances.")


class LightSailSDConfig(AwsKeys, AuthClient, Refreshed, Ported):
    """Targets from AWS Lightsail instances."""

    endpoint: Text | None = Field(default=None, description="Endpoint to ask instead of AWS' own.")


class AzureSDConfig(AuthClient, Refreshed, Ported):
    """Targets from Azure virtual machines."""

    model_config = schema("subscriptionID")
    environment: Text | None = Field(default=None, description="Azure environment. Default AzurePublicCloud.")
    authentication_method: AzureMethod | None = Field(
        default=None, description="How to authenticate. Default OAuth. SDK needs Prometheus 2.52.0, WorkloadIdentity 3.11.0."
    )
    subscription_id: Text = Field(default="", alias="subscriptionID", description="Subscription ID.")
    tenant_id: Text | None = Field(default=None, alias="tenantID", description="Tenant ID; needed with OAuth.")
    client_id: Text | None = Field(default=None, alias="clientID", description="Client ID; needed with OAuth.")
    client_secret: SecretKey | None = Field(default=None, description="Client secret; needed with OAuth.")
    resource_group: Text | None = Field(default=None, description="Resource group to look in. Default: all.")


class GCESDConfig(Refreshed, Ported):
    """Targets from Google Compute Engine instances, with the credentials of GOOGLE_APPLICATION_CREDENTIALS."""

    model_config = schema("project", "zone")
    project: Text = Field(default="", description="Project ID.")
    zone: Text = Field(default="", description="Zone to look in; one entry per zone.")
    filter: Text | None = Field(default=None, description="Filter of the list of instances.")
    tag_separator: Text | None = Field(default=None, description="What joins tags in the tags label. Default a comma.")


class OpenStackSDConfig(Refreshed, Ported):
    """Targets from OpenStack."""

    model_config = schema("role", "region")
    role: OpenStackRole = Field(default="", description="What becomes a target. LoadBalancer needs Prometheus 3.2.0.")
    region: Text = Field(default="", description="Region.")
    identity_endpoint: Url | None = Field(default=None, description="URL of the Identity API.")
    username: Text | None = Field(default=None, description="User name.")
    userid: Text | None = Field(default=None, description="User ID.")
    password: SecretKey | None = Field(default=None, description="Password.")
    domain_name: Text | None = Field(default=None, description="Domain name; this or domainID with a user name of Identity V3.")
    domain_id: Text | None = Field(default=None, alias="domainID", description="Domain ID.")
    project_name: Text | None = Field(default=None, description="Project name.")
    project_id: Text | None = Field(default=None, alias="projectID", description="Project ID.")
    application_credential_name: Text | None = Field(default=None, description="Name of an application credential.")
    application_credential_id: Text | None = Field(default=None, description="ID of an application credential.")
    application_credential_secret: SecretKey | None = Field(default=None, description="Secret of the application credential.")
    all_tenants: bool | None = Field(default=None, description="Whether to list instances of all projects; needs admin rights.")
    availability: Availability | None = Field(default=None, description="Endpoint to connect to. Default public.")
    tls_config: Tls | None = Field(default=None, description="TLS of the connection.")
