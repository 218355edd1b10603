// Empty: its presence lets Go accept functions without a body, which go:linkname needs.
