"""The Kubernetes side: list and watch, and the few writes we make."""
