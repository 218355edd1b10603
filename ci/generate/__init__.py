"""Everything that is generated and committed: CRDs, API reference, chart schemas, READMEs, vendored charts."""
