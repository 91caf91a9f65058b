"""Stand-ins that bite: a Compute Engine and a Kubernetes API on loopback. They import nothing of glbc."""
