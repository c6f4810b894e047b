#!/bin/sh
# A pod that starts must first see all three in step, or the next one could be replaced too early. Later it stays ready
# while another is missing: a rollout takes pods that are not ready for lost, and replaces them all at once.
set -eu
. /scripts/lib.sh

if [ ! -e /data/whole ]; then
  whole || exit 1
  touch /data/whole
fi
sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK'
# The own Redis is master, or linked to it.
redis role | awk 'NR == 1 { role = $0 } NR == 4 { link = $0 } END { exit role != "master" && link != "connected" }'
