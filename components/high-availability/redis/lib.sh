# Shared by all scripts. They need only programs of Redis's Alpine image; Debian has the same ones.
# Only the owner can read files with the password.
umask 077
# For redis-cli: as an argument, other processes could read the password.
export REDISCLI_AUTH="$REDIS_PASSWORD"

# The configuration files of Redis and Sentinel need it as one word. A generated one has letters, digits and dashes.
case $REDIS_PASSWORD in
  '' | *[[:space:]\\\"\']*)
    echo 'Secret argocd-redis, key auth: found no password or one with a space, quote or backslash; expected one word; change it and delete the pods' >&2
    exit 1
    ;;
esac

# As process 1, a shell ends on a signal only if it has a trap.
trap 'exit 1' TERM

# These scripts have no variables in braces: Flux would replace them, and unknown ones with nothing.
group=$(expr "$POD_NAME" : '\(.*\)-')
pods="$group-0 $group-1 $group-2"

# Prints the address of Service $1; fails while it is unknown. With the namespace, because a pod's own name alone
# resolves to the pod, whose address changes.
address() {
  getent hosts "$1.$POD_NAMESPACE.svc" | awk '{ print $1; exit }' | grep .
}

# Redis and Sentinel may hang.
limit="timeout 2"

# Sends a command to this pod's Redis, or with -h to another one.
redis() {
  $limit redis-cli "$@"
}

# Sends a command to the Sentinel at host $1. Fails on an error reply.
sentinel() {
  host=$1
  shift
  $limit redis-cli -e -h "$host" -p 26379 sentinel "$@"
}

# Succeeds if there is a successor for a lost master: this Sentinel must reach a majority, and see two healthy replicas
# that are connected to the master and may take over.
whole() {
  sentinel 127.0.0.1 ckquorum argocd | grep -q '^OK' &&
    sentinel 127.0.0.1 replicas argocd | awk '
      key == "flags" { good = ($0 == "slave") }
      key == "master-link-status" && $0 != "ok" { good = 0 }
      key == "slave-priority" && $0 != "0" && good { replicas++ }
      { key = (NR % 2) ? $0 : "" }
      END { exit replicas != 2 }'
}

# Asks the Sentinel of another pod to promote another Redis in place of this one, address $own. A Sentinel that was paused
# answers OK and does nothing; then the next one is asked.
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
