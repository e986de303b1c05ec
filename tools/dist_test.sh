#!/usr/bin/env bash
# Test on several processes, one for each GPU (or on the CPU, without one).
# See the usage message below; tools/test.py says what OPTIONS there are.
set -euo pipefail

if [ "$#" -lt 3 ]; then
  cat >&2 <<'EOF'
usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [OPTIONS of test.py ...]
       CHECKPOINT is "none" together with the option --random-init
environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1),
             PORT (29500), PYTHON (python)
EOF
  exit 2
fi

config=$1
checkpoint=$2
processes=$3
shift 3
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

weights=()
if [ "$checkpoint" != none ]; then
  weights=("$checkpoint")
fi

# `-m torch.distributed.run` is torchrun, of the very same interpreter.
exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes "${NNODES:-1}" \
  --node_rank "${NODE_RANK:-0}" \
  --master_addr "${MASTER_ADDR:-127.0.0.1}" \
  --master_port "${PORT:-29500}" \
  --nproc_per_node "$processes" \
  "$here/test.py" "$config" ${weights[@]+"${weights[@]}"} \
  --launcher pytorch "$@"
