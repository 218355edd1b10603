"""The policies of which `plan` is made, by what they are about. Pure."""
