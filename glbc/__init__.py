"""glbc: a load balancer controller for Kubernetes Ingress on Google Cloud."""
