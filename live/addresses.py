"""Names and addresses that several parts of the live cluster use."""

# Each network namespace is connected to the node by its own veth pair, and reaches the others through the node.
NODE_NAME = "node"
NODE_ADDRESS = "10.77.0.1"
CLIENT_ADDRESS = "10.77.0.2"
FIRST_POD_ADDRESS = "10.77.1.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
# Of Services of type LoadBalancer.
LOAD_BALANCER_ADDRESSES = "10.97.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
API_PORT = 6443

GATEWAY_NAMESPACE = "istio-system"
GATEWAY = "istio-ingressgateway"
# Its cluster IP. Fixed, so that clients' hosts files stay valid after a restart of the gateway.
GATEWAY_ADDRESS = "10.96.0.80"
ENVOY_ADMIN_PORT = 15000

# Where containers of the argocd image see the repositories of Cluster.git_repository.
REPOSITORIES = "/repositories"
