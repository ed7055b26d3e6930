#!/bin/bash
# Sets up Slurm on this machine alone, to try `largekernel ablate --launcher slurm` against the real scheduler. Debian, as root:
#
#   scripts/slurm-one-node.sh          # installs, configures, starts munged, slurmctld and slurmd
#   scripts/slurm-one-node.sh stop
#
# No systemd, no cgroups, no accounting database: it works in a container. Not for a cluster that others use.
set -euo pipefail

conf=/etc/slurm/slurm.conf
state=/var/spool/slurm-one-node

stop() {
  for name in slurmd slurmctld; do
    if [ -f "$state/$name.pid" ]; then kill "$(cat "$state/$name.pid")" 2>/dev/null || true; fi
  done
}

if [ "${1:-start}" = stop ]; then
  stop
  exit 0
fi

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends slurm-wlm munge
fi

if [ -f "$conf" ] && ! grep -q 'ClusterName=one-node' "$conf"; then
  echo "$conf is of another cluster; this script does not touch it." >&2
  exit 1
fi

host=$(hostname -s)
mkdir -p "$state/ctld" "$state/d" "$(dirname "$conf")"
cat >"$conf" <<CONF
ClusterName=one-node
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.out
SlurmdLogFile=$state/slurmd.out
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
ReturnToService=2
# Requeued jobs start again at once instead of after two minutes.
SchedulerParameters=sched_interval=5,bf_interval=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

if ! munge -n </dev/null >/dev/null 2>&1; then
  mkdir -p /run/munge /var/log/munge /var/lib/munge
  [ -s /etc/munge/munge.key ] || mungekey --create
  chown -R munge:munge /run/munge /var/log/munge /var/lib/munge /etc/munge
  chmod 0755 /run/munge
  runuser -u munge -- /usr/sbin/munged
fi

stop
slurmctld
slurmd
for _ in $(seq 30); do
  if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
    sinfo
    exit 0
  fi
  sleep 1
done
echo "The node did not become idle; see $state/slurmctld.out and $state/slurmd.out." >&2
sinfo >&2 || true
exit 1
