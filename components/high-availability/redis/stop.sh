#!/bin/sh
# Before this pod ends: a master hands over, in two seconds and without a lost write; to find it lost takes seven.
set -eu
. /scripts/lib.sh

hand_over() {
  for pod in $pods; do
    [ "$pod" != "$POD_NAME" ] && sentinel "$pod" failover argocd && return
  done
}

[ "$(redis role | head -n 1)" = master ] || exit 0
own=$(address "$POD_NAME")
# Writes wait from here on: none is acknowledged that the successor might not have.
redis client pause 20000 write
if ! hand_over; then
  redis client unpause
  exit 0
fi
for second in 1 2 3 4 5 6 7 8 9 10; do
  [ "$(sentinel "$pod" get-master-addr-by-name argocd | head -n 1)" = "$own" ] || exit 0
  sleep 1
done
