package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"

	prompkg "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	"sigs.k8s.io/yaml"
)

// schemas keeps what was read of the module's CRDs, by plural.
var schemas = map[string]map[string]any{}

// withDefaults fills in what the API server would, going by the CRD that ships with the module.
func withDefaults(plural string, object map[string]any) error {
	schema, err := schemaOf(plural)
	if err != nil {
		return err
	}
	fill(schema, object)
	return nil
}

func schemaOf(plural string) (map[string]any, error) {
	if schema, found := schemas[plural]; found {
		return schema, nil
	}
	text, err := os.ReadFile(filepath.Join(module(), "example", "prometheus-operator-crd", "monitoring.coreos.com_"+plural+".yaml"))
	if err != nil {
		return nil, err
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	if len(crd.Spec.Versions) == 0 {
		return nil, fmt.Errorf("the CRD of %s has no version", plural)
	}
	schemas[plural] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	return schemas[plural], nil
}

// module is the folder of prometheus-operator's sources, which the binary was built from; with -trimpath it remembers only
// the module's name, which is then looked for where Go keeps modules.
func module() string {
	source, _ := runtime.FuncForPC(reflect.ValueOf(prompkg.NewConfigGenerator).Pointer()).FileLine(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(source)))
	if filepath.IsAbs(root) {
		return root
	}
	if kept := os.Getenv("GOMODCACHE"); kept != "" {
		return filepath.Join(kept, root)
	}
	paths := filepath.SplitList(os.Getenv("GOPATH"))
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, "go"))
	}
	for _, path := range paths {
		if found := filepath.Join(path, "pkg", "mod", root); exists(found) {
			return found
		}
	}
	return root
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fill sets the defaults of absent fields and removes nulls that have one, at every depth.
func fill(schema map[string]any, value any) {
	switch typed := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, raw := range properties {
			property, _ := raw.(map[string]any)
			if given, found := typed[name]; !found || given == nil {
				if preset, found := property["default"]; found {
					typed[name] = preset
				}
			}
			if given, found := typed[name]; found {
				fill(property, given)
			}
		}
		if below, ok := schema["additionalProperties"].(map[string]any); ok {
			for _, given := range typed {
				fill(below, given)
			}
		}
	case []any:
		if items, ok := schema["items"].(map[string]any); ok {
			for _, given := range typed {
				fill(items, given)
			}
		}
	}
}
