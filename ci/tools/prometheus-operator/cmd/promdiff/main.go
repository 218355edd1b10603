// Command promdiff prints what prometheus-operator generates for resources: YAML documents on standard input, JSON on
// standard output. With -batch every line of input is a JSON request {"documents": [...], "options": {...}} and every line
// of output its answer. Our differential tests compare it with what we generate.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Options are the operator's switches that change what it generates; the zero value is what it does by default.
type Options struct {
	StatefulSet         bool `json:"statefulSet"`
	TopologySharding    bool `json:"topologySharding"`
	PodTopologyLabels   bool `json:"podTopologyLabels"`
	NoRetentionPolicies bool `json:"noRetentionPolicies"`
	NoEndpointSlice     bool `json:"noEndpointSlice"`
	NoDefaults          bool `json:"noDefaults"`
}

// Request is a line of a batch.
type Request struct {
	Documents   []map[string]any `json:"documents"`
	Options     Options          `json:"options"`
	Expressions []string         `json:"expressions"`
}

// Answer is all that was generated, or why nothing was.
type Answer struct {
	Config       string            `json:"config"`
	Rejected     map[string]string `json:"rejected"`
	Ignored      []string          `json:"ignored,omitempty"`
	Rules        map[string]string `json:"rules,omitempty"`
	TLSAssets    map[string]string `json:"tlsAssets,omitempty"`
	StatefulSets []any             `json:"statefulSets,omitempty"`
	DaemonSet    any               `json:"daemonSet,omitempty"`
	Error        string            `json:"error,omitempty"`
	// Expressions are those of the request as Prometheus' parser prints them, or its error.
	Expressions []string `json:"expressions,omitempty"`
}

func main() {
	var options Options
	batch := flag.Bool("batch", false, "read requests as lines of JSON")
	flag.BoolVar(&options.StatefulSet, "statefulset", false, "print the StatefulSets, or the DaemonSet of an agent, too")
	flag.BoolVar(&options.TopologySharding, "topology-sharding", false, "turn the feature gate PrometheusTopologySharding on")
	flag.BoolVar(&options.PodTopologyLabels, "pod-topology-labels", false, "assume a cluster that labels pods with their zone")
	flag.BoolVar(&options.NoRetentionPolicies, "no-retention-policies", false, "turn PrometheusShardRetentionPolicy off")
	flag.BoolVar(&options.NoEndpointSlice, "no-endpointslice", false, "assume a cluster without EndpointSlices")
	flag.BoolVar(&options.NoDefaults, "no-defaults", false, "don't fill in the defaults of the CRDs")
	flag.Parse()

	run := single
	if *batch {
		run = lines
	}
	if err := run(os.Stdin, os.Stdout, options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func single(in io.Reader, out io.Writer, options Options) error {
	request := Request{Options: options}
	decoder := utilyaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		var document map[string]any
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if len(document) > 0 {
			request.Documents = append(request.Documents, document)
		}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer(request))
}

func lines(in io.Reader, out io.Writer, options Options) error {
	reader := bufio.NewReader(in)
	writer := bufio.NewWriter(out)
	for {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			request := Request{Options: options}
			if err := json.Unmarshal(line, &request); err != nil {
				return err
			}
			if err := json.NewEncoder(writer).Encode(answer(request)); err != nil {
				return err
			}
			if err := writer.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// answer never fails: an error of the operator, or a panic of it, is an answer too.
func answer(request Request) (result Answer) {
	defer func() {
		if reason := recover(); reason != nil {
			result = Answer{Rejected: map[string]string{}, Error: fmt.Sprintf("panic: %v", reason)}
		}
	}()
	world, err := read(request)
	if err != nil {
		return Answer{Rejected: map[string]string{}, Error: err.Error()}
	}
	result = world.generate()
	for _, expression := range request.Expressions {
		result.Expressions = append(result.Expressions, printed(expression))
	}
	return result
}

func printed(expression string) string {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		return "error: " + err.Error()
	}
	return parsed.String()
}
