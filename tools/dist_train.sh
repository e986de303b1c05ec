#!/usr/bin/env bash
# Train on several processes, one for each GPU (or on the CPU, without one).
# See the usage message below; tools/train.py says what OPTIONS there are.
set -euo pipefail

if [ "$#" -lt 2 ]; then
  cat >&2 <<'EOF'
usage: bash tools/dist_train.sh CONFIG PROCESSES [OPTIONS of train.py ...]
environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1),
             PORT (29500), PYTHON (python)
EOF
  exit 2
fi

config=$1
processes=$2
shift 2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# `-m torch.distributed.run` is torchrun, of the very same interpreter.
exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes "${NNODES:-1}" \
  --node_rank "${NODE_RANK:-0}" \
  --master_addr "${MASTER_ADDR:-127.0.0.1}" \
  --master_port "${PORT:-29500}" \
  --nproc_per_node "$processes" \
  "$here/train.py" "$config" --launcher pytorch "$@"
