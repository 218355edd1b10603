"""The charts, rendered by both Helms and judged by the reviewer's checklist (field-notes/charts.md 1.6)."""
