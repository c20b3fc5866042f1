#!/usr/bin/env bash
# Process 1 of a node of its own, as that of kind's: `init.sh FOLDER` makes mounts and a
# network in its namespaces, then waits and reaps. All of the node ends with it.
set -euo pipefail
folder=$1
hostname vethscope-node
mount --make-rprivate /
mount -t tmpfs run /run
mkdir -p /run/netns /run/lock "$folder"/{kubelet,log,cni} /var/lib/kubelet /etc/cni
mkdir -p /var/log/pods /var/log/containers
mount --bind "$folder/kubelet" /var/lib/kubelet
mount --bind "$folder/log" /var/log
mount --bind "$folder/cni" /etc/cni
mount --make-rshared /
# The kubelet wants these kernel settings; the machine's own stay as they are.
while read -r file value; do
    [ -e "/proc/sys/$file" ] || continue
    copy=/run/sys.${file//\//.}
    echo "$value" >"$copy"
    mount --bind "$copy" "/proc/sys/$file"
done <<'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS
ip link set lo up
ip link add eth0 type veth peer name outside
ip link set outside up
ip address add 172.18.0.2/16 dev eth0
ip link set eth0 up
ip route add default via 172.18.0.1 dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward
echo nameserver 172.18.0.2 >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
touch "$folder/up"
trap : CHLD
while :; do
    sleep 3600 &
    wait $! || true
done
