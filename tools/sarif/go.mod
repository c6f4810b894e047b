module argocd-istio.github.io/tools/sarif

go 1.27.0

require github.com/owenrumney/go-sarif/v3 v3.3.1
