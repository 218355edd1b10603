package main

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	prompkg "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
)

// World is a cluster made of the documents of a request.
type World struct {
	options    Options
	server     *monitoringv1.Prometheus
	agent      *monitoringv1alpha1.PrometheusAgent
	objects    map[string][]metav1.Object
	rules      []*monitoringv1.PrometheusRule
	client     *fake.Clientset
	store      *assets.StoreBuilder
	namespaces cache.SharedIndexInformer
}

var plurals = map[string]string{
	"Prometheus": "prometheuses", "PrometheusAgent": "prometheusagents", "ServiceMonitor": "servicemonitors",
	"PodMonitor": "podmonitors", "Probe": "probes", "ScrapeConfig": "scrapeconfigs", "PrometheusRule": "prometheusrules",
}

// read makes a World; without a Prometheus among the documents there is one that selects everything.
func read(request Request) (*World, error) {
	world := &World{options: request.Options, objects: map[string][]metav1.Object{}, client: fake.NewClientset()}
	world.store = assets.NewStoreBuilder(world.client.CoreV1(), world.client.CoreV1())
	world.namespaces = cache.NewSharedIndexInformer(&cache.ListWatch{}, &corev1.Namespace{}, 0, cache.Indexers{})
	names := map[string]map[string]string{}
	for _, document := range request.Documents {
		if err := world.add(document, names); err != nil {
			return nil, err
		}
	}
	if world.server == nil && world.agent == nil {
		if err := world.add(everything(), names); err != nil {
			return nil, err
		}
	}
	for name, given := range names {
		given["kubernetes.io/metadata.name"] = name
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: given}}
		if err := world.namespaces.GetStore().Add(namespace); err != nil {
			return nil, err
		}
	}
	return world, nil
}

func everything() map[string]any {
	spec := map[string]any{}
	for _, kind := range []string{"serviceMonitor", "podMonitor", "probe", "scrapeConfig", "rule"} {
		spec[kind+"Selector"] = map[string]any{}
		spec[kind+"NamespaceSelector"] = map[string]any{}
	}
	return map[string]any{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
		"metadata": map[string]any{"name": "test", "namespace": "default"}, "spec": spec,
	}
}

func (world *World) add(document map[string]any, names map[string]map[string]string) error {
	kind, _ := document["kind"].(string)
	metadata, _ := document["metadata"].(map[string]any)
	if metadata == nil {
		return fmt.Errorf("a %s without metadata", kind)
	}
	if kind == "Namespace" {
		var namespace corev1.Namespace
		if err := convert(document, &namespace); err != nil {
			return err
		}
		names[namespace.Name] = labels.Merge(nil, namespace.Labels)
		return nil
	}
	if metadata["namespace"] == nil {
		metadata["namespace"] = "default"
	}
	if name := fmt.Sprint(metadata["namespace"]); names[name] == nil {
		names[name] = map[string]string{}
	}
	if plural, found := plurals[kind]; found && !world.options.NoDefaults {
		if err := withDefaults(plural, document); err != nil {
			return err
		}
	}
	return world.keep(kind, document)
}

func (world *World) keep(kind string, document map[string]any) error {
	targets := map[string]func() runtime.Object{
		"Prometheus":      func() runtime.Object { world.server = &monitoringv1.Prometheus{}; return world.server },
		"PrometheusAgent": func() runtime.Object { world.agent = &monitoringv1alpha1.PrometheusAgent{}; return world.agent },
		"ServiceMonitor":  func() runtime.Object { return &monitoringv1.ServiceMonitor{} },
		"PodMonitor":      func() runtime.Object { return &monitoringv1.PodMonitor{} },
		"Probe":           func() runtime.Object { return &monitoringv1.Probe{} },
		"ScrapeConfig":    func() runtime.Object { return &monitoringv1alpha1.ScrapeConfig{} },
		"PrometheusRule":  func() runtime.Object { return &monitoringv1.PrometheusRule{} },
		"Secret":          func() runtime.Object { return &corev1.Secret{} },
		"ConfigMap":       func() runtime.Object { return &corev1.ConfigMap{} },
	}
	make, found := targets[kind]
	if !found {
		return fmt.Errorf("%s is not a kind that promdiff reads", kind)
	}
	object := make()
	if err := convert(document, object); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	switch typed := object.(type) {
	case *corev1.Secret:
		for key, value := range typed.StringData {
			if typed.Data == nil {
				typed.Data = map[string][]byte{}
			}
			typed.Data[key] = []byte(value)
		}
		typed.StringData = nil
		return world.both(typed)
	case *corev1.ConfigMap:
		return world.both(typed)
	case *monitoringv1.PrometheusRule:
		world.rules = append(world.rules, typed)
	case *monitoringv1.Prometheus, *monitoringv1alpha1.PrometheusAgent:
	default:
		world.objects[kind] = append(world.objects[kind], object.(metav1.Object))
	}
	return nil
}

// both puts an asset into the cluster and into the store. The operator itself loads on demand and so never finds the
// credentials of a scrape class' authorization, which is not what we want to be compared with.
func (world *World) both(object runtime.Object) error {
	if err := world.client.Tracker().Add(object); err != nil {
		return err
	}
	return world.store.AddObject(object)
}

func convert(document map[string]any, target any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, target)
}

// list is what the operator's informers answer with.
func (world *World) list(kind string) prompkg.ListAllByNamespaceFn {
	return func(namespace string, selector labels.Selector, found cache.AppendFunc) error {
		for _, object := range world.objects[kind] {
			if object.GetNamespace() == namespace && selector.Matches(labels.Set(object.GetLabels())) {
				found(object)
			}
		}
		return nil
	}
}

func key(kind string, object metav1.Object) string {
	return strings.Join([]string{kind, object.GetNamespace(), object.GetName()}, "/")
}
