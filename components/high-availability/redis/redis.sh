#!/bin/sh
# Starts this pod's Redis, as master or as replica. The Sentinels decide; where none of them knows a master yet,
# it is pod 0. Run at every start of the container, so a Redis that was master comes back as what it is now.
set -eu
. /scripts/lib.sh

# The seconds after which a master that finds no successor starts again, with the data on its disk.
patience=60

until own=$(address "$POD_NAME") && first=$(address "$group-0"); do
  echo "waiting for the addresses of Services $POD_NAME and $group-0"
  sleep 1
done

# What each Sentinel that answers says: "EPOCH MASTER REPLICAS", or "none".
answers() {
  for pod in $pods; do
    [ "$pod" = "$POD_NAME" ] && pod=127.0.0.1
    sentinel "$pod" master argocd 2>&1 | awk '
      /No such master/ { print "none" }
      key == "ip" { ip = $0 }
      key == "num-slaves" { replicas = $0 }
      key == "config-epoch" { print $0, ip, replicas }
      { key = (NR % 2) ? $0 : "" }'
  done
}

# Tells this pod's Sentinel who is master, if it does not know, and what all must agree on.
introduce() {
  [ -n "$(sentinel 127.0.0.1 get-master-addr-by-name argocd)" ] || sentinel 127.0.0.1 monitor argocd "$1" 6379 2
  printf %s "$REDIS_PASSWORD" | timeout 2 redis-cli -p 26379 -x sentinel set argocd auth-pass
  # Lost after 5 s without an answer; a failed election is repeated after 10 s.
  sentinel 127.0.0.1 set argocd down-after-milliseconds 5000 failover-timeout 5000 parallel-syncs 1
}

# Sets $master once it is decided. Fails while it is not.
decide() {
  said=$(answers)
  # The last configuration that was voted for has the highest epoch.
  latest=$(echo "$said" | grep -v none | sort -n | tail -n 1)
  if [ -z "$latest" ]; then
    # Two of three who know of none are a majority: there never was a master.
    [ "$(echo "$said" | grep -c none)" -ge 2 ] || return 1
    master=$first
    introduce "$master"
    return
  fi
  master=$(echo "$latest" | cut -d ' ' -f 2)
  introduce "$master"
  [ "$master" = "$own" ] || return 0
  # This Redis was master and its data may be behind, or gone: a replica takes over, if one was ever seen.
  [ "$(echo "$latest" | cut -d ' ' -f 3)" = 0 ] && return 0
  [ -s /data/redis.conf ] && [ "$waited" -ge "$patience" ]
}

waited=0
until decide; do
  [ $((waited % 10)) != 0 ] || echo "waiting for the Sentinels, which say: $(answers | tr '\n' ',')"
  sleep 1
  waited=$((waited + 1))
done

{
  cat /scripts/redis.conf
  echo "port 6379"
  echo "replica-announce-ip $own"
  echo "requirepass $(quoted)"
  echo "masterauth $(quoted)"
  [ "$master" = "$own" ] || echo "replicaof $master 6379"
} > /data/redis.conf
echo "starting; the master is $master"
exec redis-server /data/redis.conf
