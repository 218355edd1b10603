package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/k8s"
	"github.com/prometheus-operator/prometheus-operator/pkg/namespacelabeler"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	prompkg "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	"github.com/prometheus-operator/prometheus-operator/pkg/prometheus/validation"
)

// monitors are the valid objects that a Prometheus selects, by namespace and name.
type monitors struct {
	services map[string]*monitoringv1.ServiceMonitor
	pods     map[string]*monitoringv1.PodMonitor
	probes   map[string]*monitoringv1.Probe
	scrapes  map[string]*monitoringv1alpha1.ScrapeConfig
}

func (world *World) generate() Answer {
	log := &journal{answer: &Answer{Rejected: map[string]string{}}}
	answer, logger := log.answer, slog.New(log)
	if err := world.everythingOf(answer, logger); err != nil {
		answer.Error = err.Error()
	}
	answer.TLSAssets = map[string]string{}
	for name, content := range world.store.TLSAssets() {
		answer.TLSAssets[name] = string(content)
	}
	return *answer
}

// everythingOf follows the order of the operator's own sync.
func (world *World) everythingOf(answer *Answer, logger *slog.Logger) error {
	ctx := context.Background()
	var prom monitoringv1.PrometheusInterface = world.server
	if world.server == nil {
		prom = world.agent
	}
	selected, err := world.selectFor(ctx, prom, logger)
	if err != nil {
		return err
	}
	var ruleNames []string
	if world.server != nil {
		if ruleNames, err = world.ruleFiles(answer, logger); err != nil {
			return err
		}
	}
	generator, err := prompkg.NewConfigGenerator(logger, prom, world.generatorOptions()...)
	if err != nil {
		return err
	}
	config, err := world.configuration(ctx, generator, selected, ruleNames, logger)
	if err != nil {
		return err
	}
	answer.Config = string(config)
	if !world.options.StatefulSet {
		return nil
	}
	tls, err := operator.ReconcileShardedSecret(ctx, world.store.TLSAssets(), world.client, prompkg.NewTLSAssetSecret(prom, prompkg.Config{}))
	if err != nil {
		return err
	}
	return world.workloads(answer, generator, ruleNames, tls)
}

func (world *World) generatorOptions() []prompkg.ConfigGeneratorOption {
	var options []prompkg.ConfigGeneratorOption
	if !world.options.NoEndpointSlice {
		options = append(options, prompkg.WithEndpointSliceSupport())
	}
	// The operator never asks for these of an agent.
	if !world.options.NoRetentionPolicies && world.agent == nil {
		options = append(options, prompkg.WithPrometheusRetentionPolicies())
	}
	if world.options.TopologySharding {
		options = append(options, prompkg.WithPrometheusTopologySharding())
	}
	if world.options.PodTopologyLabels {
		options = append(options, prompkg.WithPodTopologyLabelsSupport())
	}
	if world.daemonSet() {
		options = append(options, prompkg.WithDaemonSet())
	}
	return options
}

func (world *World) daemonSet() bool {
	return world.agent != nil && world.agent.Spec.Mode != nil && *world.agent.Spec.Mode == monitoringv1alpha1.DaemonSetPrometheusAgentMode
}

func (world *World) selectFor(ctx context.Context, prom monitoringv1.PrometheusInterface, logger *slog.Logger) (monitors, error) {
	recorder := operator.NewFakeRecorder(1000, nil)
	metrics := operator.NewMetrics(prometheus.NewRegistry())
	selector, err := prompkg.NewResourceSelector(logger, prom, world.store, world.namespaces, metrics, recorder)
	if err != nil {
		return monitors{}, err
	}
	services, err := selector.SelectServiceMonitors(ctx, world.list("ServiceMonitor"))
	if err != nil {
		return monitors{}, err
	}
	pods, err := selector.SelectPodMonitors(ctx, world.list("PodMonitor"))
	if err != nil {
		return monitors{}, err
	}
	probes, err := selector.SelectProbes(ctx, world.list("Probe"))
	if err != nil {
		return monitors{}, err
	}
	scrapes, err := selector.SelectScrapeConfigs(ctx, world.list("ScrapeConfig"))
	if err != nil {
		return monitors{}, err
	}
	return monitors{services.ValidResources(), pods.ValidResources(), probes.ValidResources(), scrapes.ValidResources()}, nil
}

func (world *World) configuration(ctx context.Context, generator *prompkg.ConfigGenerator, selected monitors, ruleNames []string, logger *slog.Logger) ([]byte, error) {
	if world.server == nil {
		return world.agentConfiguration(ctx, generator, selected, logger)
	}
	p, namespace := world.server, world.server.Namespace
	if err := prompkg.AddRemoteReadsToStore(ctx, world.store, namespace, p.Spec.RemoteRead); err != nil {
		return nil, err
	}
	if err := world.shared(ctx, generator, namespace, p.Spec.CommonPrometheusFields); err != nil {
		return nil, err
	}
	if err := world.alertmanagers(ctx); err != nil {
		return nil, err
	}
	var additional [3][]byte
	secrets := world.client.CoreV1().Secrets(namespace)
	for i, ref := range []*corev1.SecretKeySelector{
		p.Spec.AdditionalScrapeConfigs, p.Spec.AdditionalAlertRelabelConfigs, p.Spec.AdditionalAlertManagerConfigs,
	} {
		content, err := k8s.LoadSecretRef(ctx, logger, secrets, ref)
		if err != nil {
			return nil, err
		}
		additional[i] = content
	}
	return generator.GenerateServerConfiguration(
		p, selected.services, selected.pods, selected.probes, selected.scrapes, world.store,
		additional[0], additional[1], additional[2], ruleNames,
	)
}

func (world *World) agentConfiguration(ctx context.Context, generator *prompkg.ConfigGenerator, selected monitors, logger *slog.Logger) ([]byte, error) {
	p := world.agent
	if err := world.shared(ctx, generator, p.Namespace, p.Spec.CommonPrometheusFields); err != nil {
		return nil, err
	}
	additional, err := k8s.LoadSecretRef(ctx, logger, world.client.CoreV1().Secrets(p.Namespace), p.Spec.AdditionalScrapeConfigs)
	if err != nil {
		return nil, err
	}
	return generator.GenerateAgentConfiguration(selected.services, selected.pods, selected.probes, selected.scrapes, world.store, additional)
}

func (world *World) shared(ctx context.Context, generator *prompkg.ConfigGenerator, namespace string, fields monitoringv1.CommonPrometheusFields) error {
	if err := generator.AddRemoteWriteToStore(ctx, world.store, namespace, fields.RemoteWrite); err != nil {
		return err
	}
	if err := prompkg.AddAPIServerConfigToStore(ctx, world.store, namespace, fields.APIServerConfig); err != nil {
		return err
	}
	return prompkg.AddScrapeClassesToStore(ctx, world.store, namespace, fields.ScrapeClasses)
}

// alertmanagers checks what the operator checks of spec.alerting.
func (world *World) alertmanagers(ctx context.Context) error {
	p := world.server
	if p.Spec.Alerting == nil {
		return nil
	}
	labelConfigs, err := validation.NewLabelConfigValidator(p)
	if err != nil {
		return err
	}
	for i, am := range p.Spec.Alerting.Alertmanagers {
		for _, check := range []func() error{
			func() error { return labelConfigs.Validate(am.RelabelConfigs) },
			func() error { return labelConfigs.Validate(am.AlertRelabelConfigs) },
			func() error { return world.store.AddBasicAuth(ctx, p.Namespace, am.BasicAuth) },
			func() error { return world.store.AddSafeAuthorizationCredentials(ctx, p.Namespace, am.Authorization) },
			func() error { return world.store.AddSigV4(ctx, p.Namespace, am.Sigv4) },
			func() error { return world.store.AddTLSConfig(ctx, p.Namespace, am.TLSConfig) },
			func() error { return world.store.AddProxyConfig(ctx, p.Namespace, am.ProxyConfig) },
		} {
			if err := check(); err != nil {
				return fmt.Errorf("alertmanager %d: %w", i, err)
			}
		}
	}
	return nil
}

// ruleFiles generates the files of the selected PrometheusRules and the names of the ConfigMaps that hold them.
func (world *World) ruleFiles(answer *Answer, logger *slog.Logger) ([]string, error) {
	p := world.server
	namespaces, err := operator.SelectNamespacesFromCache(p, p.Spec.RuleNamespaceSelector, world.namespaces)
	if err != nil {
		return nil, err
	}
	excluded := slices.Clone(p.Spec.ExcludedFromEnforcement)
	for _, rule := range p.Spec.PrometheusRulesExcludedFromEnforce {
		excluded = append(excluded, monitoringv1.ObjectReference{
			Namespace: rule.RuleNamespace, Group: monitoring.GroupName, Resource: monitoringv1.PrometheusRuleName, Name: rule.RuleName,
		})
	}
	labeler := namespacelabeler.New(p.Spec.EnforcedNamespaceLabel, excluded, true)
	version := operator.StringValOrDefault(p.Spec.Version, operator.DefaultPrometheusVersion)
	selector, err := operator.NewPrometheusRuleSelector(
		operator.PrometheusFormat, version, p.Spec.RuleSelector, labeler, nil, operator.NewFakeRecorder(1000, nil), logger, parserOptions(p),
	)
	if err != nil {
		return nil, err
	}
	matching, err := metav1.LabelSelectorAsSelector(p.Spec.RuleSelector)
	if err != nil {
		return nil, err
	}
	answer.Rules = map[string]string{}
	for _, rule := range world.rules {
		if !slices.Contains(namespaces, rule.Namespace) || !matching.Matches(labels.Set(rule.Labels)) {
			continue
		}
		rule.SetGroupVersionKind(monitoringv1.SchemeGroupVersion.WithKind("PrometheusRule"))
		if err := labeler.EnforceNamespaceLabel(rule); err != nil {
			answer.Rejected[key("PrometheusRule", rule)] = err.Error()
			continue
		}
		content, err := generateRules(selector, rule)
		if err != nil {
			answer.Rejected[key("PrometheusRule", rule)] = err.Error()
			continue
		}
		answer.Rules[fmt.Sprintf("%s-%s-%s.yaml", rule.Namespace, rule.Name, rule.UID)] = content
	}
	return ruleConfigMaps(p, answer.Rules), nil
}

// ruleConfigMaps counts the ConfigMaps as the operator fills them; there are always three at least.
func ruleConfigMaps(p *monitoringv1.Prometheus, rules map[string]string) []string {
	count, size := 1, 0
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if size+len(rules[name]) > operator.MaxConfigMapDataSize {
			count, size = count+1, 0
		}
		size += len(rules[name])
	}
	var names []string
	for i := range max(count, 3) {
		names = append(names, fmt.Sprintf("prometheus-%s-rulefiles-%d", p.Name, i))
	}
	return names
}

func parserOptions(p *monitoringv1.Prometheus) (options parser.Options) {
	for _, feature := range p.Spec.EnableFeatures {
		switch feature {
		case "promql-experimental-functions":
			options.EnableExperimentalFunctions = true
		case "promql-duration-expr":
			options.ExperimentalDurationExpr = true
		case "promql-extended-range-selectors":
			options.EnableExtendedRangeSelectors = true
		case "promql-binop-fill-modifiers":
			options.EnableBinopFillModifiers = true
		}
	}
	return options
}

func (world *World) workloads(answer *Answer, generator *prompkg.ConfigGenerator, ruleNames []string, tls *operator.ShardedSecret) error {
	config := prompkg.Config{
		LocalHost:                  "localhost",
		ReloaderConfig:             operator.DefaultConfig("10m", "50Mi").ReloaderConfig,
		PrometheusDefaultBaseImage: operator.DefaultPrometheusBaseImage,
		ThanosDefaultBaseImage:     operator.DefaultThanosBaseImage,
	}
	config.ReloaderConfig.Image = operator.DefaultPrometheusConfigReloaderImage
	if world.daemonSet() {
		made, err := agentDaemonSet(world.agent, config, generator, tls)
		answer.DaemonSet = made
		return err
	}
	var prom monitoringv1.PrometheusInterface = world.server
	if world.server == nil {
		prom = world.agent
	}
	for shard, name := range prompkg.ExpectedStatefulSetShardNames(prom) {
		if world.server != nil {
			made, err := serverStatefulSet(name, world.server.DeepCopy(), config, generator, ruleNames, "", int32(shard), tls)
			if err != nil {
				return err
			}
			answer.StatefulSets = append(answer.StatefulSets, made)
			continue
		}
		made, err := agentStatefulSet(name, world.agent.DeepCopy(), config, generator, "", int32(shard), tls)
		if err != nil {
			return err
		}
		answer.StatefulSets = append(answer.StatefulSets, made)
	}
	return nil
}

// journal is the operator's log: it alone says why an object was skipped and what a version ignores.
type journal struct {
	answer *Answer
	given  []slog.Attr
}

func (log *journal) Enabled(context.Context, slog.Level) bool { return true }

func (log *journal) WithGroup(string) slog.Handler { return log }

func (log *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{log.answer, append(slices.Clone(log.given), attrs...)}
}

func (log *journal) Handle(_ context.Context, record slog.Record) error {
	found := map[string]string{}
	for _, attr := range log.given {
		found[attr.Key] = attr.Value.String()
	}
	record.Attrs(func(attr slog.Attr) bool { found[attr.Key] = attr.Value.String(); return true })
	switch {
	case record.Message == "skipping object":
		log.answer.Rejected[found["kind"]+"/"+found["object"]] = found["error"]
	case strings.HasPrefix(record.Message, "ignoring"), record.Level >= slog.LevelError:
		sentence := record.Message
		if reason := found["err"]; reason != "" {
			sentence += ": " + reason
		}
		log.answer.Ignored = append(log.answer.Ignored, sentence)
	}
	return nil
}
