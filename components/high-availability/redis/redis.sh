#!/bin/sh
# Starts this pod's Redis, as master or as replica. The Sentinels decide; if none of them knows a master yet, pod 0 is the
# master. It runs at every start of the container, so a former master starts in its current role.
set -eu
. /scripts/lib.sh

# How many of the three Sentinels must agree that the master is lost: a majority.
quorum=2
# Milliseconds without an answer until it counts as lost. The limit in redis.conf must be lower.
down_after=5000
# Seconds that a former master with data waits for a successor: three elections.
patience=30

until own=$(address "$POD_NAME") && first=$(address "$group-0"); do
  echo "waiting for the addresses of Services $POD_NAME and $group-0"
  sleep 1
done

# Prints a line for each Sentinel that answers: "EPOCH MASTER", or "none" if it knows no master.
ask() {
  for pod in $pods; do
    sentinel "$pod" master argocd 2>&1 | awk -v pod="$pod" '
      /WRONGPASS/ { print "the Sentinel of " pod " has another password: delete all three pods if it was changed" | "cat >&2" }
      /No such master/ { print "none" }
      key == "ip" { master = $0 }
      key == "config-epoch" { print $0, master }
      { key = (NR % 2) ? $0 : "" }'
  done
}

# Sets $master. Fails if too few Sentinels answer.
look() {
  answers=$(ask)
  [ "$(echo "$answers" | wc -l)" -ge 2 ] || return 1
  # The highest epoch is that of the last election.
  last=$(echo "$answers" | grep -v none | sort -n | tail -n 1)
  if [ -n "$last" ]; then
    master=$(echo "$last" | cut -d ' ' -f 2-)
  else
    # Only if none of the three knows a master there never was one: two could be new, and the third could have the data.
    [ "$(echo "$answers" | grep -c none)" = 3 ] && master=$first
  fi
}

# Passes to this pod's Sentinel what the others know.
introduce() {
  known=$(sentinel 127.0.0.1 get-master-addr-by-name argocd) &&
    { [ -n "$known" ] || sentinel 127.0.0.1 monitor argocd "$master" 6379 "$quorum"; } &&
    printf %s "$REDIS_PASSWORD" | $limit redis-cli -e -x -p 26379 sentinel set argocd auth-pass &&
    # An election that failed is repeated after twice the failover-timeout.
    sentinel 127.0.0.1 set argocd down-after-milliseconds "$down_after" failover-timeout 5000 parallel-syncs 1
}

until look && introduce > /dev/null; do
  echo "waiting for the Sentinels of two pods, or at a first start of all three"
  sleep 1
done

# Succeeds if command $1 succeeds for both other pods.
others() {
  for pod in $pods; do
    [ "$pod" = "$POD_NAME" ] || "$1" "$pod" || return 1
  done
}

# Succeeds if the Redis of pod $1 says that it has no data.
empty() {
  [ "$(redis -h "$1" dbsize)" = 0 ]
}

# Succeeds if it says that it must not take over: a replica that was not yet in sync. In the first seconds there cannot
# be a new master, so then also a master that was cut off and is back.
behind() {
  [ "$waited" -lt 4 ] && not='slave_priority:0|role:master' || not='slave_priority:0'
  redis -h "$1" info replication | tr -d '\r' | grep -qxE "$not"
}

# Allows the Redis of pod $1 to take over with the data that it has.
allow() {
  empty "$1" || redis -h "$1" config set replica-priority 100
}

# This Redis was the master, and its data may be lost or old. So a replica takes over, if one may. Otherwise this Redis is
# master again: with its data, or without data if the others have none either, as at the first start.
since=$(date +%s)
asked=0
while [ "$master" = "$own" ]; do
  waited=$(($(date +%s) - since))
  if [ ! -s /data/redis.conf ]; then
    others empty && break
    if others behind; then others allow || true; fi
  elif [ "$waited" -ge "$patience" ] || others behind; then
    break
  fi
  echo "waiting for another Redis to take over, or for both others to say that they cannot"
  # An election takes less time. But if a second pod is new too, its Sentinel knows no replica and hinders elections.
  if [ $((waited - asked)) -ge 8 ]; then
    asked=$waited
    hand_over || true
  fi
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
