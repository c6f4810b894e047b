"""The rules on kustomization files and on what Argo CD and Flux make of them, which `tree` checks."""

from __future__ import annotations

from functools import partial

from argocd_istio.lint.rule import Rule

_decided = "From the kustomizations and the local files that they list, in kustomize's order, before any build."
_Rule = partial(Rule, check=None, decided=_decided)

RULES = (
    _Rule(
        "K01",
        "late-patch",
        "error",
        effect="A patch, replacement or transformer changes the Exposure after the mode has read it: beside "
        "components:, in a parent, or in a later component. Argo CD keeps the old host. Patches in a build do not "
        "reach an ExposureGenerator at all.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            patches:
            - target: {kind: Exposure}
              patch: '[{"op": "replace", "path": "/spec/hosts", "value": ["cd.acme.dev"]}]'
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [host, ../argocd-istio/components/termination]
            # host/kustomization.yaml
            apiVersion: kustomize.config.k8s.io/v1alpha1
            kind: Component
            patches:
            - target: {kind: Exposure}
              patch: '[{"op": "replace", "path": "/spec/hosts", "value": ["cd.acme.dev"]}]'
        """,
    ),
    _Rule(
        "K02",
        "changed-by-the-deployer",
        "error",
        effect="Argo CD or Flux edits the folder before the build, by patches, components, prefixes, labels or a "
        "namespace: the Exposure is changed too late, or objects are renamed.",
        wrong="""
            # kustomization.yaml
            resources: [cd.yaml]
            # cd.yaml
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: cd, namespace: argocd}
            spec:
              source:
                repoURL: https://git.acme.io/platform
                path: cd
                kustomize: {namePrefix: team-}
            # cd/kustomization.yaml
            resources: [exposure.yaml]
            components: [../../argocd-istio/components/termination]
        """,
        right="""
            # kustomization.yaml
            resources: [cd.yaml]
            # cd.yaml
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: cd, namespace: argocd}
            spec:
              source:
                repoURL: https://git.acme.io/platform
                path: cd
                kustomize: {commonAnnotations: {team: core}}
            # cd/kustomization.yaml
            resources: [exposure.yaml]
            components: [../../argocd-istio/components/termination]
        """,
    ),
    _Rule(
        "K03",
        "renamed-objects",
        "error",
        effect="Argo CD finds its objects by name: a prefix or suffix breaks it.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            namePrefix: team-
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            commonAnnotations: {team: core}
        """,
    ),
    _Rule(
        "K04",
        "common-labels",
        "error",
        effect="Labels make Argo CD miss its settings (app.kubernetes.io/part-of), or selectors match other pods or "
        "none. A warning for other labels in selectors: a running install refuses the change.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            labels:
            - pairs: {app.kubernetes.io/part-of: platform}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            labels:
            - pairs: {team: core}
        """,
    ),
    _Rule(
        "K06",
        "moved-certificate",
        "error",
        effect="A namespace: moves the gateway's Certificate or Secret: the gateway opens no port 443. A warning for a "
        "Certificate or Secret outside the namespace of our Gateway or ListenerSet of the Gateway API. Also the policy "
        "of components/edge-login, which is then off, and a ReferenceGrant that a namespace: moves away from what it "
        "grants.",
        wrong="""
            # kustomization.yaml
            namespace: argocd
            resources: [exposure.yaml, certificate.yaml]
            components: [../argocd-istio/components/termination]
            # certificate.yaml
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: cd, namespace: istio-system}
            spec:
              secretName: argocd-certificate
              dnsNames: [cd.acme.io]
              issuerRef: {kind: ClusterIssuer, name: acme}
        """,
        right="""
            # kustomization.yaml
            namespace: argocd
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # certificate/kustomization.yaml
            resources: [certificate.yaml]
            # certificate/certificate.yaml
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: cd, namespace: istio-system}
            spec:
              secretName: argocd-certificate
              dnsNames: [cd.acme.io]
              issuerRef: {kind: ClusterIssuer, name: acme}
        """,
    ),
    _Rule(
        "K07",
        "substituted-script",
        "error",
        effect="Flux replaces the ${name} of a script in a ConfigMap: the script breaks in the cluster.",
        wrong="""
            # kustomization.yaml
            resources: [cd.yaml]
            # cd.yaml
            apiVersion: kustomize.toolkit.fluxcd.io/v1
            kind: Kustomization
            metadata: {name: cd, namespace: flux-system}
            spec:
              path: ./cd
              postBuild: {substitute: {domain: acme.io}}
            # cd/kustomization.yaml
            resources: [exposure.yaml, script.yaml]
            components: [../../argocd-istio/components/termination]
            # cd/script.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: backup
            data: {run.sh: 'name=$1; echo ${name%-*}'}
        """,
        right="""
            # kustomization.yaml
            resources: [cd.yaml]
            # cd.yaml
            apiVersion: kustomize.toolkit.fluxcd.io/v1
            kind: Kustomization
            metadata: {name: cd, namespace: flux-system}
            spec:
              path: ./cd
              postBuild: {substitute: {domain: acme.io}}
            # cd/kustomization.yaml
            resources: [exposure.yaml, script.yaml]
            components: [../../argocd-istio/components/termination]
            # cd/script.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: backup
              annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}
            data: {run.sh: 'name=$1; echo ${name%-*}'}
        """,
    ),
    _Rule(
        "K08",
        "unpinned-reference",
        "warning",
        effect="A reference without ?ref= changes by itself. A note if it names a branch.",
        covers=("I09",),
        wrong="""
            # kustomization.yaml
            resources: [https://git.acme.io/platform]
        """,
        right="""
            # kustomization.yaml
            resources: [https://git.acme.io/platform?ref=v1]
        """,
    ),
    _Rule(
        "K09",
        "order-of-components",
        "error",
        effect="Two modes or two Exposures, no Exposure, an option before its mode, a mode under resources:, a way "
        "without a mode, or components/gateway-api/redirect or no-retries after a mode that they do not fit: the build "
        "fails or leaves parts out.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components:
            - ../argocd-istio/components/high-availability
            - ../argocd-istio/components/termination
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components:
            - ../argocd-istio/components/termination
            - ../argocd-istio/components/high-availability
        """,
    ),
    _Rule(
        "K10",
        "listed-twice",
        "error",
        effect="Upstream's install, a Namespace or another object that the mode already contains, or a component "
        "that is listed twice: the build fails.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml, namespace.yaml]
            components: [../argocd-istio/components/termination]
            # namespace.yaml
            apiVersion: v1
            kind: Namespace
            metadata: {name: argocd, labels: {team: core}}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            patches:
            - path: namespace.yaml
            # namespace.yaml
            apiVersion: v1
            kind: Namespace
            metadata: {name: argocd, labels: {team: core}}
        """,
    ),
    _Rule(
        "K12",
        "generator-that-does-not-run",
        "error",
        effect="A generator under resources:, without its annotation, or with other objects in its file: kustomize "
        "skips it silently.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: ExposureGenerator
            metadata:
              name: argocd
              annotations:
                config.kubernetes.io/function: |
                  exec: {path: argocd-istio-generator}
            spec:
              mode: termination
              hosts: [cd.acme.io]
        """,
        right="""
            # kustomization.yaml
            generators: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: ExposureGenerator
            metadata:
              name: argocd
              annotations:
                config.kubernetes.io/function: |
                  exec: {path: argocd-istio-generator}
            spec:
              mode: termination
              hosts: [cd.acme.io]
        """,
    ),
    _Rule(
        "K13",
        "other-mode",
        "error",
        effect="spec.mode and the listed component name different modes: the build fails.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              mode: passthrough
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              mode: termination
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
        """,
    ),
    _Rule(
        "K14",
        "stale-exposure",
        "error",
        effect="The generated Exposure does not match the generator's file beside it: a change of that file does "
        "nothing.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata:
              name: argocd
              labels: {argocd-istio.github.io/mode: termination}
              annotations: {config.kubernetes.io/local-config: "true"}
            spec:
              mode: termination
              hosts: [cd.acme.dev]
              gateway:
                namespace: istio-system
                serviceAccount: istio-ingressgateway-service-account
                selector: {istio: ingressgateway}
              tls: {secretName: argocd-certificate}
            # generator.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: ExposureGenerator
            metadata:
              name: argocd
              annotations:
                config.kubernetes.io/function: |
                  exec: {path: argocd-istio-generator}
            spec:
              mode: termination
              hosts: [cd.acme.io]
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata:
              name: argocd
              labels: {argocd-istio.github.io/mode: termination}
              annotations: {config.kubernetes.io/local-config: "true"}
            spec:
              mode: termination
              hosts: [cd.acme.io]
              gateway:
                namespace: istio-system
                serviceAccount: istio-ingressgateway-service-account
                selector: {istio: ingressgateway}
              tls: {secretName: argocd-certificate}
            # generator.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: ExposureGenerator
            metadata:
              name: argocd
              annotations:
                config.kubernetes.io/function: |
                  exec: {path: argocd-istio-generator}
            spec:
              mode: termination
              hosts: [cd.acme.io]
        """,
    ),
    _Rule(
        "K15",
        "unknown-field",
        "error",
        effect="A field that kustomizations do not have, such as component:: the build refuses it.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            component: [../argocd-istio/components/termination]
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
        """,
    ),
    _Rule(
        "K16",
        "patch-without-namespace",
        "error",
        effect="A patch names an object of the install without its namespace: the build does not find it.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            patches:
            - patch: |
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: argocd-cm}
                data: {exec.enabled: "false"}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            patches:
            - patch: |
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: argocd-cm, namespace: argocd}
                data: {exec.enabled: "false"}
        """,
    ),
    _Rule(
        "K17",
        "component-without-its-fields",
        "error",
        effect="components/mesh, mesh-scraper, instance, edge-login or gateway-api/redirect without the fields of the "
        "Exposure that they need, edge-login without its ConfigMap, mesh-scraper without mesh, or an option without an "
        "install: the build fails, the gateway is locked out, or nothing changes. A warning for a field whose "
        "component is not listed.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components:
            - ../argocd-istio/components/termination
            - ../argocd-istio/components/mesh
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components:
            - ../argocd-istio/components/termination
            - ../argocd-istio/components/mesh
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway:
                namespace: istio-system
                serviceAccount: istio-ingressgateway-service-account
                selector: {istio: ingressgateway}
              tls: {secretName: argocd-certificate}
        """,
    ),
    _Rule(
        "K18",
        "owner-of-the-gateway",
        "info",
        effect="A note: what the owner of the Gateway in spec.gateway.existing or spec.gateway.parent must write "
        "into it; with components/gateway-api/redirect also for the listener in spec.gateway.redirectParent.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/existing-gateway/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway: {existing: edge/shared}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml]
            components: [../argocd-istio/components/termination]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
        """,
    ),
    _Rule(
        "K19",
        "settings-of-the-install",
        "error",
        effect="With exposure-only, server.insecure in the folder's argocd-cmd-params-cm does not fit the mode: the "
        "browser gets a redirect loop or an error. A warning for a url in argocd-cm with a host that the Exposure "
        "does not list: single sign-on returns to that host.",
        wrong="""
            # kustomization.yaml
            resources: [exposure.yaml, settings.yaml]
            components: [../argocd-istio/components/termination/exposure-only]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
              server:
                service: argocd-server
                labels: {app.kubernetes.io/name: argocd-server}
            # settings.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm, namespace: argocd}
            data: {server.insecure: "false"}
        """,
        right="""
            # kustomization.yaml
            resources: [exposure.yaml, settings.yaml]
            components: [../argocd-istio/components/termination/exposure-only]
            # exposure.yaml
            apiVersion: argocd-istio.github.io/v1alpha1
            kind: Exposure
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]
              gateway: {selector: {istio: ingressgateway}}
              tls: {secretName: argocd-certificate}
              server:
                service: argocd-server
                labels: {app.kubernetes.io/name: argocd-server}
            # settings.yaml
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm, namespace: argocd}
            data: {server.insecure: "true"}
        """,
    ),
)
