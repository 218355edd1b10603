package main

import (
	_ "unsafe" // for go:linkname

	appsv1 "k8s.io/api/apps/v1"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	prompkg "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/prometheus/agent"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/prometheus/server"
)

// What the operator keeps to itself and we compare with. The signatures must be those of the pinned release.

//go:linkname serverStatefulSet github.com/prometheus-operator/prometheus-operator/pkg/prometheus/server.makeStatefulSet
func serverStatefulSet(
	name string, p *monitoringv1.Prometheus, config prompkg.Config, generator *prompkg.ConfigGenerator,
	ruleNames []string, hash string, shard int32, tls *operator.ShardedSecret,
) (*appsv1.StatefulSet, error)

//go:linkname agentStatefulSet github.com/prometheus-operator/prometheus-operator/pkg/prometheus/agent.makeStatefulSet
func agentStatefulSet(
	name string, p *monitoringv1alpha1.PrometheusAgent, config prompkg.Config, generator *prompkg.ConfigGenerator,
	hash string, shard int32, tls *operator.ShardedSecret,
) (*appsv1.StatefulSet, error)

//go:linkname agentDaemonSet github.com/prometheus-operator/prometheus-operator/pkg/prometheus/agent.makeDaemonSet
func agentDaemonSet(
	p *monitoringv1alpha1.PrometheusAgent, config prompkg.Config, generator *prompkg.ConfigGenerator, tls *operator.ShardedSecret,
) (*appsv1.DaemonSet, error)

//go:linkname generateRules github.com/prometheus-operator/prometheus-operator/pkg/operator.(*PrometheusRuleSelector).generateRulesConfiguration
func generateRules(selector *operator.PrometheusRuleSelector, rule *monitoringv1.PrometheusRule) (string, error)
