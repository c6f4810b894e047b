# What the scripts share. They need what is in Redis's Alpine image; Debian has the same.
# Files with the password are their owner's only.
umask 077
# For redis-cli, so that the password is no argument, which others could read.
export REDISCLI_AUTH="$REDIS_PASSWORD"

# The configuration files of Redis and Sentinel take it as one word; a made one is letters, digits and dashes.
case $REDIS_PASSWORD in
  '' | *[[:space:]\\\"\']*)
    echo 'Secret argocd-redis, key auth: found no password or one with a space, quote or backslash; expected one word; change it and delete the pods' >&2
    exit 1
    ;;
esac

# A shell that is process 1 ends on a signal only where told.
trap 'exit 1' TERM

# These scripts write no name in braces: Flux replaces those, and an unknown one by nothing.
group=$(expr "$POD_NAME" : '\(.*\)-')
pods="$group-0 $group-1 $group-2"

# The address of Service $1; fails while it is not known. With its namespace, because a pod's own name alone
# means the pod: its address changes.
address() {
  getent hosts "$1.$POD_NAMESPACE.svc" | awk '{ print $1; exit }' | grep .
}

# Redis and Sentinel may hang.
limit="timeout 2"

# A command to this pod's Redis, or with -h to another's.
redis() {
  $limit redis-cli "$@"
}

# A command to the Sentinel at host $1. Fails on an error reply.
sentinel() {
  host=$1
  shift
  $limit redis-cli -e -h "$host" -p 26379 sentinel "$@"
}

# Is there a successor should the master be lost? This Sentinel must reach a majority, and see two replicas without a
# fault that are linked to the master and may take over.
whole() {
  sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK' &&
    sentinel 127.0.0.1 replicas argocd | awk '
      key == "flags" { good = ($0 == "slave") }
      key == "master-link-status" && $0 != "ok" { good = 0 }
      key == "slave-priority" && $0 != "0" && good { replicas++ }
      { key = (NR % 2) ? $0 : "" }
      END { exit replicas != 2 }'
}

# Has the Sentinel of another pod make another Redis master than this one, address $own. One that was paused says OK
# and does nothing, so then the next is asked.
hand_over() {
  for pod in $pods; do
    if [ "$pod" != "$POD_NAME" ] && sentinel "$pod" failover argocd; then
      for second in 1 2 3 4; do
        found=$(sentinel "$pod" get-master-addr-by-name argocd | head -n 1)
        [ -z "$found" ] || [ "$found" = "$own" ] || return 0
        sleep 1
      done
    fi
  done
  return 1
}
