"""What a render says: its objects, and what Istio and argocd-server make of them."""
