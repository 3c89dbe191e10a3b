"""The ways out: one module or folder each, with a line in connectors.registry."""
