#!/usr/bin/env bash
# Everything that wants a GPU, in one run of at most 8 minutes: checks of results, compute-sanitizer, and nnc's figures
# beside those of PyTorch and JAX. bench/README.md says what is measured.
#
#   bench/gpu.sh [--quick] [--only steps,products] [--conformance DIR] [--device cpu] ...     (--help lists all)
#
# It needs, beside this checkout: Node 20 or newer in PATH or in $NNC_NODE, the build (`npm run build` and
# `npm run build:gpu` make dist/, `npm ci` makes runtime/native/build), the NVIDIA driver, nvcc, and Python with PyTorch and
# JAX. No node_modules, no repository. What is missing is said, and what can be measured without it is measured.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node=${NNC_NODE:-node}
run=$root/dist/gpu/run.js
# The run watches its own time; this is for the case that it does not.
limit=480

fail() {
  printf 'gpu.sh: %s\n' "$*" >&2
  exit 2
}

if ! version=$("$node" --version 2>/dev/null); then
  fail "no Node: put version 20 or newer into PATH, or name it in NNC_NODE"
fi
major=${version#v}
major=${major%%.*}
[ "$major" -ge 20 ] || fail "$node is Node $version; version 20 or newer is needed"
[ -f "$run" ] || fail "dist/gpu is missing: run \`npm run build\` and \`npm run build:gpu\` where npm is, and bring dist/ along"
[ -f "$root/runtime/native/build/Release/nnc.node" ] ||
  fail "runtime/native/build/Release/nnc.node is missing: run \`npm ci\` where npm is, and bring it along"

# nvcc and compute-sanitizer are often beside PATH.
for folder in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda; do
  if [ -n "$folder" ] && [ -d "$folder/bin" ]; then export PATH="$PATH:$folder/bin"; fi
done

# Asked for more time than that, it gets it.
for ((i = 1; i < $#; i++)); do
  next=$((i + 1))
  if [ "${!i}" = --seconds ]; then limit=$((${!next%.*} + 20)); fi
done

timeout --kill-after=10 "$limit" "$node" "$run" "$@"
status=$?
if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
  printf 'gpu.sh: ended after %s s; what was found until then is in bench/results\n' "$limit" >&2
fi
exit "$status"
