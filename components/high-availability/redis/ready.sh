#!/bin/sh
# A pod that starts must first see all three in step, or the next one could be replaced too early. Later it stays ready
# while another is missing: a rollout takes pods that are not ready for lost, and replaces them all at once.
set -eu
. /scripts/lib.sh
# A probe that hangs is ended anyway, and busybox's timeout leaves Sentinel a process each time, which it logs.
limit=

state=$(redis info replication | tr -d '\r')
says() {
  echo "$state" | grep -qx "$1"
}

# It has data, and no master since it started five minutes ago: none is coming that has more.
lone() {
  [ "$(redis info server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p')" -ge 300 ] && redis dbsize | grep -q '^[1-9]'
}

# In step: from now on it may take over.
if says slave_priority:0 && { says master_link_status:up || lone; }; then
  redis config set replica-priority 100
fi

if [ ! -e /data/whole ]; then
  whole || exit 1
  touch /data/whole
fi
sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK'
# The own Redis is master, or linked to it.
says role:master || says master_link_status:up
