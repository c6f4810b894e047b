#!/bin/sh
# A new pod must first see all three in sync, or the next one could be replaced too early. Later it stays ready while
# another one is missing: a rollout treats pods that are not ready as lost, and replaces them all at once.
set -eu
. /scripts/lib.sh
# The kubelet ends a probe that hangs. busybox's timeout would leave a process to Sentinel each time, which logs it.
limit=

state=$(redis info replication | tr -d '\r')
says() {
  echo "$state" | grep -qx "$1"
}

# It has data, but no master since it started five minutes ago: no other Redis with newer data is expected.
lone() {
  [ "$(redis info server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p')" -ge 300 ] && redis dbsize | grep -q '^[1-9]'
}

# In sync: from now on it may take over.
if says slave_priority:0 && { says master_link_status:up || lone; }; then
  redis config set replica-priority 100
fi

if [ ! -e /data/whole ]; then
  whole || exit 1
  touch /data/whole
fi
sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK'
# This pod's Redis is the master, or connected to it.
says role:master || says master_link_status:up
