//go:build tools

// Package tools pins what this module builds.
package tools

import _ "github.com/thanos-io/thanos/cmd/thanos"
