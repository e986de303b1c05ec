#!/usr/bin/env bash
# Test on the nodes of a SLURM allocation: dist_test.sh, that is torchrun,
# on each of them; they meet at the first.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# sbatch runs a copy of its script, from where dist_test.sh is not found
if [ "$#" -lt 3 ] || [ -z "${SLURM_JOB_NODELIST:-}" ] ||
  [ ! -f "$here/dist_test.sh" ]; then
  cat >&2 <<'EOF'
usage: bash tools/slurm_test.sh CONFIG CHECKPOINT PROCESSES_PER_NODE [OPTIONS of test.py ...]
       within an allocation, such as one of
         salloc --nodes 2 --gpus-per-node 8 bash tools/slurm_test.sh CONFIG CHECKPOINT 8
         sbatch --nodes 2 --gpus-per-node 8 --wrap 'bash tools/slurm_test.sh CONFIG CHECKPOINT 8'
environment: SRUN_ARGS (more options of srun), PORT (29500), PYTHON (python)
EOF
  exit 2
fi

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export NNODES=$SLURM_NNODES
export MASTER_ADDR=${nodes%%$'\n'*}
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
  # srun does not take it over from sbatch and salloc
  export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
fi

# One task a node, which starts the node's processes. If it fails, all end.
# shellcheck disable=SC2086,SC2016  (several options; expanded on the node)
exec srun --nodes "$NNODES" --ntasks "$NNODES" --ntasks-per-node 1 \
  --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
  bash -c 'NODE_RANK=$SLURM_NODEID exec bash "$0" "$@"' \
  "$here/dist_test.sh" "$@"
