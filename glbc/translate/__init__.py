"""Kubernetes words to load-balancer words to resources. Pure."""
