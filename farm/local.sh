#!/bin/sh
# The parts of a sweep as separate processes on this machine, put together and compared with one
# sweep over the same seeds: sh farm/local.sh A..B PARTS [SIM]
set -eu
seeds=$1
parts=$2
sim=${3:-target/sim/sim}
out=target/farm
rm -rf "$out"
mkdir -p "$out"

part=0
waiting=
while test "$part" -lt "$parts"; do
    "$sim" sweep --seeds "$seeds" --shard "$part/$parts" --jobs 1 --json "$out/part-$part.json" \
        > "$out/part-$part.log" 2>&1 &
    waiting="$waiting $!"
    part=$((part + 1))
done
for process in $waiting; do
    # 1: a promise was broken, which the comparison will show on both sides.
    wait "$process" || test $? -eq 1
done
"$sim" merge "$out"/part-*.json --json "$out/merged.json" || test $? -eq 1
"$sim" sweep --seeds "$seeds" --json "$out/one.json" > "$out/one.log" 2>&1 || test $? -eq 1

# Only how long it took may differ.
for name in merged one; do
    sed -E 's/"(waited|done)_ms": *[0-9]*//g' "$out/$name.json" > "$out/$name.timeless"
done
cmp "$out/merged.timeless" "$out/one.timeless"
echo "farm: $parts parts put together are the sweep of $seeds"
