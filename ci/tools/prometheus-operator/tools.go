//go:build tools

// Package tools pins prometheus-operator and its reloader, the peer of `make bench`, beside our own commands.
package tools

import (
	_ "github.com/prometheus-operator/prometheus-operator/cmd/operator"
	_ "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader"
)
