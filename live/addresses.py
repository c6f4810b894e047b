"""Names and addresses that more than one part of the live cluster needs."""

# Every network namespace hangs on the node by a cable of its own and reaches the others through it.
NODE_NAME = "node"
NODE_ADDRESS = "10.77.0.1"
CLIENT_ADDRESS = "10.77.0.2"
FIRST_POD_ADDRESS = "10.77.1.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
API_PORT = 6443

GATEWAY_NAMESPACE = "istio-system"
GATEWAY = "istio-ingressgateway"
# Fixed, so that a client's hosts file outlives a restart of the gateway.
GATEWAY_ADDRESS = "10.96.0.80"
ENVOY_ADMIN_PORT = 15000

# Where the programs of the argocd image see the repositories that Cluster.git_repository makes.
REPOSITORIES = "/repositories"
