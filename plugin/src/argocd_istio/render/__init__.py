"""Reads a render: its objects, and how Istio and argocd-server interpret them."""
