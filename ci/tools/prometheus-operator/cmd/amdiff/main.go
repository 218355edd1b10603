// amdiff prints what prometheus-operator makes of the resources on its standard input.
//
// Input: YAML documents (one Alertmanager, AlertmanagerConfigs of either version, Secrets, ConfigMaps); with -batch one
// JSON list of such documents a line. Output: one JSON object, or one a line. -fields prints the JSON paths of the spec of
// a kind instead.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	monitoringv1beta1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1beta1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	statefulSet := flag.Bool("statefulset", false, "also print the StatefulSet, the Service and the files of the web server and the cluster")
	batch := flag.Bool("batch", false, "read one JSON list of resources a line")
	fields := flag.Bool("fields", false, "print the JSON paths of the specs of all kinds")
	flag.Parse()
	var err error
	switch {
	case *fields:
		err = printFields(os.Stdout)
	case *batch:
		err = many(os.Stdin, os.Stdout, *statefulSet)
	default:
		err = one(os.Stdin, os.Stdout, *statefulSet)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func one(in io.Reader, out io.Writer, statefulSet bool) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	documents := []json.RawMessage{}
	for _, document := range regexp.MustCompile(`(?m)^---.*$`).Split(string(text), -1) {
		raw, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			return err
		}
		if string(raw) != "null" {
			documents = append(documents, raw)
		}
	}
	w, err := read(documents)
	if err != nil {
		return err
	}
	printer := json.NewEncoder(out)
	printer.SetIndent("", "  ")
	return printer.Encode(generate(w, statefulSet))
}

func many(in io.Reader, out io.Writer, statefulSet bool) error {
	lines, printer := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answer(line, printer, statefulSet); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func answer(line []byte, printer *json.Encoder, statefulSet bool) error {
	var documents []json.RawMessage
	if err := json.Unmarshal(line, &documents); err != nil {
		return err
	}
	w, err := read(documents)
	if err != nil {
		return printer.Encode(result{Error: "unreadable: " + err.Error()})
	}
	return printer.Encode(generate(w, statefulSet))
}

// read also survives what upstream's own conversion from v1beta1 does not.
func read(documents []json.RawMessage) (w *world, err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("panic: %v", failure)
		}
	}()
	w = &world{configs: map[string]*monitoringv1alpha1.AlertmanagerConfig{}, cluster: newCluster()}
	for _, document := range documents {
		var head struct{ APIVersion, Kind string }
		if err := json.Unmarshal(document, &head); err != nil {
			return nil, err
		}
		if err := w.add(head.Kind, strings.HasSuffix(head.APIVersion, "v1beta1"), document); err != nil {
			return nil, err
		}
	}
	if w.alertmanager == nil {
		return nil, fmt.Errorf("there is no Alertmanager among the resources")
	}
	return w, nil
}

func (w *world) add(kind string, beta bool, document []byte) error {
	switch kind {
	case "Alertmanager":
		w.alertmanager = &monitoringv1.Alertmanager{}
		return json.Unmarshal(document, w.alertmanager)
	case "AlertmanagerConfig":
		config := &monitoringv1alpha1.AlertmanagerConfig{}
		if beta {
			source := &monitoringv1beta1.AlertmanagerConfig{}
			if err := json.Unmarshal(document, source); err != nil {
				return err
			}
			if err := source.ConvertTo(config); err != nil {
				return err
			}
		} else if err := json.Unmarshal(document, config); err != nil {
			return err
		}
		w.configs[config.Namespace+"/"+config.Name] = config
	case "Secret":
		secret := &corev1.Secret{}
		if err := json.Unmarshal(document, secret); err != nil {
			return err
		}
		for key, text := range secret.StringData {
			if secret.Data == nil {
				secret.Data = map[string][]byte{}
			}
			secret.Data[key] = []byte(text)
		}
		w.cluster.secrets[secret.Namespace+"/"+secret.Name] = secret
	case "ConfigMap":
		configMap := &corev1.ConfigMap{}
		if err := json.Unmarshal(document, configMap); err != nil {
			return err
		}
		w.cluster.configMaps[configMap.Namespace+"/"+configMap.Name] = configMap
	}
	return nil
}

// printFields writes a JSON object: kind and version to the paths below its spec, lists as [] and maps as {}.
func printFields(out io.Writer) error {
	paths := map[string][]string{}
	for kind, spec := range map[string]any{
		"Alertmanager/v1":             monitoringv1.AlertmanagerSpec{},
		"AlertmanagerConfig/v1alpha1": monitoringv1alpha1.AlertmanagerConfigSpec{},
		"AlertmanagerConfig/v1beta1":  monitoringv1beta1.AlertmanagerConfigSpec{},
	} {
		walk(reflect.TypeOf(spec), "spec", func(path string) { paths[kind] = append(paths[kind], path) })
	}
	return json.NewEncoder(out).Encode(paths)
}

func walk(t reflect.Type, path string, found func(string)) {
	switch {
	case t.Kind() == reflect.Pointer:
		walk(t.Elem(), path, found)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		walk(t.Elem(), path+"[]", found)
	case t.Kind() == reflect.Map:
		walk(t.Elem(), path+"{}", found)
	case t.Kind() == reflect.Struct && strings.Contains(t.PkgPath(), "/monitoring/") || t == reflect.TypeOf(corev1.SecretKeySelector{}) || t == reflect.TypeOf(corev1.ConfigMapKeySelector{}) || t == reflect.TypeOf(corev1.LocalObjectReference{}):
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" {
				walk(t.Field(i).Type, path, found)
			} else {
				walk(t.Field(i).Type, path+"."+name, found)
			}
		}
	default:
		found(path)
	}
}
