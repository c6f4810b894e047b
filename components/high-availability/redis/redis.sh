#!/bin/sh
# Starts this pod's Redis, as master or as replica. The Sentinels decide; where none of them knows a master yet,
# it is pod 0. Run at every start of the container: a Redis that was master comes back as what it is now.
set -eu
. /scripts/lib.sh

# How many of the three Sentinels must agree that the master is lost: a majority.
quorum=2
# Milliseconds without an answer after which it is. The bound in redis.conf must stay below.
down_after=5000
# Seconds that a former master with data waits for a successor: three elections.
patience=30

until own=$(address "$POD_NAME") && first=$(address "$group-0"); do
  echo "waiting for the addresses of Services $POD_NAME and $group-0"
  sleep 1
done

# A line for each Sentinel that answers: "EPOCH MASTER REPLICAS", or "none" where it knows no master.
ask() {
  for pod in $pods; do
    sentinel "$pod" master argocd 2>&1 | awk -v pod="$pod" '
      /WRONGPASS/ { print "the Sentinel of " pod " has another password: delete all three pods if it was changed" | "cat >&2" }
      /No such master/ { print "none" }
      key == "ip" { master = $0 }
      key == "config-epoch" { epoch = $0 }
      key == "num-slaves" { print epoch, master, $0 }
      { key = (NR % 2) ? $0 : "" }'
  done
}

# Sets $master and $replicas, how many of it the Sentinels know. Fails where too few of them answer.
look() {
  answers=$(ask)
  # The highest epoch is the last election.
  last=$(echo "$answers" | grep -v none | sort -n | tail -n 1)
  if [ -n "$last" ]; then
    master=$(echo "$last" | cut -d ' ' -f 2)
    replicas=$(echo "$last" | cut -d ' ' -f 3)
  else
    # Two of three who know no master: there never was one.
    [ "$(echo "$answers" | grep -c none)" -ge 2 ] && master=$first && replicas=0
  fi
}

# Tells this pod's Sentinel what the others know.
introduce() {
  known=$(sentinel 127.0.0.1 get-master-addr-by-name argocd) &&
    { [ -n "$known" ] || sentinel 127.0.0.1 monitor argocd "$master" 6379 "$quorum"; } &&
    printf %s "$REDIS_PASSWORD" | timeout 2 redis-cli -e -x -p 26379 sentinel set argocd auth-pass &&
    # An election that failed is repeated after twice the failover-timeout.
    sentinel 127.0.0.1 set argocd down-after-milliseconds "$down_after" failover-timeout 5000 parallel-syncs 1
}

until look && introduce > /dev/null; do
  echo "waiting for the Sentinels of two pods"
  sleep 1
done

# This Redis was the master. Its data may be gone or behind, so a replica takes over, where one was ever seen.
# Only with data, and with nobody to take over, it is master again.
since=$(date +%s)
while [ "$master" = "$own" ] && [ "$replicas" != 0 ]; do
  [ -s /data/redis.conf ] && [ $(($(date +%s) - since)) -ge "$patience" ] && break
  echo "waiting for the Sentinels to make another Redis master"
  sleep 1
  look || true
done

{
  cat /scripts/redis.conf
  echo "replica-announce-ip $own"
  echo "requirepass $REDIS_PASSWORD"
  echo "masterauth $REDIS_PASSWORD"
  [ "$master" = "$own" ] || echo "replicaof $master 6379"
} > /data/redis.conf
echo "starting; the master is $master"
exec redis-server /data/redis.conf
