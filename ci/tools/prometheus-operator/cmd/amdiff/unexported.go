package main

import (
	"context"
	"log/slog"
	_ "unsafe"

	"github.com/blang/semver/v4"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

//go:linkname checkConfig github.com/prometheus-operator/prometheus-operator/pkg/alertmanager.checkAlertmanagerConfigResource
func checkConfig(context.Context, *monitoringv1alpha1.AlertmanagerConfig, semver.Version, *assets.StoreBuilder) error

//go:linkname initializeFromConfig github.com/prometheus-operator/prometheus-operator/pkg/alertmanager.(*ConfigBuilder).initializeFromAlertmanagerConfig
func initializeFromConfig(*alertmanager.ConfigBuilder, context.Context, *monitoringv1.AlertmanagerGlobalConfig, *monitoringv1alpha1.AlertmanagerConfig) error

//go:linkname makeStatefulSet github.com/prometheus-operator/prometheus-operator/pkg/alertmanager.makeStatefulSet
func makeStatefulSet(*slog.Logger, *monitoringv1.Alertmanager, alertmanager.Config, string, *operator.ShardedSecret) (*appsv1.StatefulSet, error)

//go:linkname makeStatefulSetService github.com/prometheus-operator/prometheus-operator/pkg/alertmanager.makeStatefulSetService
func makeStatefulSetService(*monitoringv1.Alertmanager, alertmanager.Config) *corev1.Service
