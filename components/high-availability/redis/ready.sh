#!/bin/sh
# Is there a successor should the master be lost? This Sentinel must reach a majority, and see two replicas
# without a fault that are linked to the master.
set -eu
. /scripts/lib.sh

sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK'
sentinel 127.0.0.1 replicas argocd | awk '
  key == "flags" { good = ($0 == "slave") }
  key == "master-link-status" && $0 == "ok" && good { replicas++ }
  { key = (NR % 2) ? $0 : "" }
  END { exit replicas != 2 }'
