package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"path"

	"github.com/blang/semver/v4"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/clustertlsconfig"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	"github.com/prometheus-operator/prometheus-operator/pkg/webconfig"
	"gopkg.in/yaml.v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	fallback  = "route:\n  receiver: 'null'\nreceivers:\n- name: 'null'"
	templates = "/etc/alertmanager/templates"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// world is everything of one case.
type world struct {
	alertmanager *monitoringv1.Alertmanager
	configs      map[string]*monitoringv1alpha1.AlertmanagerConfig
	cluster      *cluster
}

// result is what upstream makes of a case; rejected holds the AlertmanagerConfigs that it leaves out.
type result struct {
	Config      string            `json:"config"`
	Error       string            `json:"error,omitempty"`
	Rejected    map[string]string `json:"rejected"`
	TLS         map[string]string `json:"tls"`
	StatefulSet any               `json:"statefulSet,omitempty"`
	Service     any               `json:"service,omitempty"`
	WebConfig   string            `json:"webConfig,omitempty"`
	ClusterTLS  string            `json:"clusterTLS,omitempty"`
}

func generate(w *world, statefulSet bool) (out result) {
	ctx := context.Background()
	out = result{Rejected: map[string]string{}, TLS: map[string]string{}}
	defer func() {
		if failure := recover(); failure != nil {
			out.Error = fmt.Sprintf("panic: %v", failure)
		}
	}()
	store := assets.NewStoreBuilder(w.cluster.CoreV1(), w.cluster.CoreV1())
	text, err := configuration(ctx, w, store, out.Rejected)
	if err != nil {
		out.Error = err.Error()
	}
	out.Config = text
	for name, content := range store.TLSAssets() {
		out.TLS[name] = base64.StdEncoding.EncodeToString(content)
	}
	if statefulSet && err == nil {
		if err := workload(ctx, w, store, &out); err != nil {
			out.Error = err.Error()
		}
	}
	return out
}

// configuration follows the operator's own order of steps.
func configuration(ctx context.Context, w *world, store *assets.StoreBuilder, rejected map[string]string) (string, error) {
	am := w.alertmanager
	version, err := semver.ParseTolerant(operator.StringValOrDefault(am.Spec.Version, operator.DefaultAlertmanagerVersion))
	if err != nil {
		return "", err
	}
	raw := base(w)
	if am.Spec.AlertmanagerConfigSelector == nil && am.Spec.AlertmanagerConfiguration == nil {
		return raw, nil
	}
	selected := map[string]*monitoringv1alpha1.AlertmanagerConfig{}
	global := am.Spec.AlertmanagerConfiguration
	for key, config := range w.configs {
		if global != nil && config.Namespace == am.Namespace && config.Name == global.Name {
			continue
		}
		if am.Spec.AlertmanagerConfigSelector == nil {
			continue
		}
		if err := checkConfig(ctx, config, version, store); err != nil {
			rejected[key] = err.Error()
			continue
		}
		selected[key] = config
	}
	builder := alertmanager.NewConfigBuilder(quiet, version, store, am)
	if global != nil {
		config, found := w.configs[am.Namespace+"/"+global.Name]
		if !found {
			return "", fmt.Errorf("no AlertmanagerConfig %s/%s", am.Namespace, global.Name)
		}
		err = initializeFromConfig(builder, ctx, global.Global, config)
	} else {
		err = builder.InitializeFromRawConfiguration([]byte(raw))
	}
	if err != nil {
		return "", err
	}
	if err := builder.AddAlertmanagerConfigs(ctx, selected); err != nil {
		return "", err
	}
	text, err := builder.MarshalJSON()
	if err != nil || global == nil {
		return string(text), err
	}
	return withTemplates(text, global.Templates)
}

// base is the text of the configuration's Secret, or upstream's fallback.
func base(w *world) string {
	name := w.alertmanager.Spec.ConfigSecret
	if name == "" {
		name = "alertmanager-" + w.alertmanager.Name
	}
	if secret, found := w.cluster.secrets[w.alertmanager.Namespace+"/"+name]; found && len(secret.Data["alertmanager.yaml"]) > 0 {
		return string(secret.Data["alertmanager.yaml"])
	}
	return fallback
}

// withTemplates adds what the operator adds to the builder's unexported configuration.
func withTemplates(text []byte, given []monitoringv1.SecretOrConfigMap) (string, error) {
	var config yaml.MapSlice
	if err := yaml.Unmarshal(text, &config); err != nil {
		return "", err
	}
	paths := []string{}
	for _, template := range given {
		if template.ConfigMap != nil {
			paths = append(paths, path.Join(templates, template.ConfigMap.Key))
		}
		if template.Secret != nil {
			paths = append(paths, path.Join(templates, template.Secret.Key))
		}
	}
	for i := range config {
		if config[i].Key == "templates" {
			config[i].Value = paths
		}
	}
	changed, err := yaml.Marshal(config)
	return string(changed), err
}

func workload(ctx context.Context, w *world, store *assets.StoreBuilder, out *result) error {
	am := w.alertmanager
	template := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: fmt.Sprintf("alertmanager-%s-tls-assets", am.Name), Namespace: am.Namespace,
	}}
	sharded, err := operator.ReconcileShardedSecret(ctx, store.TLSAssets(), newCluster(), template)
	if err != nil {
		return err
	}
	config := alertmanager.Config{
		LocalHost:                    "localhost",
		AlertmanagerDefaultBaseImage: operator.DefaultAlertmanagerBaseImage,
		ReloaderConfig:               operator.ContainerConfig{Image: "reloader"},
	}
	var fields monitoringv1.WebConfigFileFields
	if am.Spec.Web != nil {
		fields = am.Spec.Web.WebConfigFileFields
	}
	web, err := webconfig.New("/etc/alertmanager/web_config", "alertmanager-"+am.Name+"-web-config", fields)
	if err != nil {
		return err
	}
	made, written := newCluster(), &corev1.Secret{}
	if err := web.CreateOrUpdateWebConfigSecret(ctx, made.CoreV1().Secrets(am.Namespace), written); err != nil {
		return err
	}
	out.WebConfig = string(written.Data["web-config.yaml"])
	tls, err := clustertlsconfig.New("/etc/alertmanager/cluster_tls_config", am)
	if err != nil {
		return err
	}
	text, err := tls.ClusterTLSConfiguration()
	if err != nil {
		return err
	}
	out.ClusterTLS = string(text)
	out.Service = makeStatefulSetService(am.DeepCopy(), config)
	set, err := makeStatefulSet(quiet, am.DeepCopy(), config, "", sharded)
	if err != nil {
		return err
	}
	operator.SanitizeSTS(set)
	out.StatefulSet = set
	return nil
}
