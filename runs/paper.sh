#!/usr/bin/env bash
# The paper's recipe (App. B.4 and C) on a base and a vision backbone of your own: `--size paper` of every stage.
#
#     BASE=vicuna BACKBONE=openai/clip-vit-large-patch14-336 VOC=VOC2007 OUT=runs_output/paper \
#         LAUNCH="torchrun --nproc-per-node 8" PARALLEL=fsdp2 runs/paper.sh
#
#     BASE       folder or repository of a causal language model of transformers, whose byte-level tokenizer knows
#                <|im_start|> and <|im_end|>
#     BACKBONE   folder or repository of a vision model of transformers
#     VOC        photos in the layout of Pascal VOC 2007; or PHOTOS, of one thing each. With neither, stage 3 is
#                tried on drawn scenes
#     OUT        everything that is made; default: runs_output/paper
#     LAUNCH     starts stages 1, 2 and 4, on several GPUs or machines: torchrun with its options; default: one process
#     PARALLEL   ddp: each process holds the whole model; fsdp2: a part of it
#     PLANS      how many requests with plans are composed (the paper's 55,000 were written by GPT-4); WORDNET: a folder
#
# Further options of a stage come last and win: STAGE1 to STAGE5, quoted as in a shell. Public sets are named there:
#
#     STAGE1="--scenes 0 --clips 0 --read cc3m /data/cc3m --read webvid /data/webvid --read refcoco /data/refcoco"
#
# Start it again after an interruption: what is done is skipped, and a run goes on from its last checkpoint.
# DRY_RUN=1 prints the commands. What differs from the paper is told in docs/training.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_common.sh"

OUT="${OUT:-runs_output/paper}"
need BASE "a causal language model of transformers"
need BACKBONE "a vision model of transformers"
read -ra launch <<<"${LAUNCH:-$python}"
shared=(--size paper --parallel "${PARALLEL:-ddp}" --features "$OUT/features")
wordnet=(--wordnet "${WORDNET:-/usr/share/wordnet}")
pictures=(${PHOTOS:+--photos "$PHOTOS"} ${VOC:+--voc "$VOC"})
[[ ${#pictures[@]} -gt 0 ]] || pictures=(--scenes 250)
for number in 1 2 3 4 5; do
    variable=STAGE$number
    eval "more$number=(${!variable:-})"
done

# Step 1.1: captions; the LLM is frozen, and its LoRA changes nothing yet.
step begin "$python" -m vitron_agent.train.begin --base "$BASE" --rank 128 --alpha 256 --out "$OUT/begin"
step stage1 "${launch[@]}" -m vitron_agent.train.stage1_alignment "${shared[@]}" --base "$BASE" \
    --adapter "$OUT/begin" --backbone "$BACKBONE" "${more1[@]}" --out "$OUT/stage1"

# Step 1.2: plans.
step plans "$python" -m vitron_agent.train.data.invocations --count "${PLANS:-55000}" --seed 1 --repeats 1 \
    --exclude "$root"/tests/assets/planner_eval/{dev,dev_2,test}.jsonl --out "$OUT/plans.jsonl"
step stage2 "${launch[@]}" -m vitron_agent.train.stage2_invocation "${shared[@]}" --model "$OUT/stage1/model" \
    --data "$OUT/plans.jsonl" "${more2[@]}" --out "$OUT/stage2"

# Step 1.3: signals.
step stage3 "$python" -m vitron_agent.train.stage3_decoder --size paper --model "$OUT/stage2/model" "${pictures[@]}" \
    "${wordnet[@]}" "${more3[@]}" --out "$OUT/stage3"

# Step 2: grounding.
step stage4 "${launch[@]}" -m vitron_agent.train.stage4_grounding "${shared[@]}" --model "$OUT/stage3/model" \
    --data "$OUT/plans.jsonl" "${more4[@]}" --out "$OUT/stage4"

# Step 3: synergy. Grounding tuned the LoRA, so signals are read and aligned once more; their targets stay.
step targets install -D "$OUT/stage3/targets.safetensors" "$OUT/aligned/targets.safetensors"
step stage3-again "$python" -m vitron_agent.train.stage3_decoder --size paper --model "$OUT/stage4/model" \
    "${pictures[@]}" "${wordnet[@]}" "${more3[@]}" --out "$OUT/aligned"
step stage5 "$python" -m vitron_agent.train.stage5_synergy --size paper --model "$OUT/aligned/model" \
    --states "$OUT/aligned/states.safetensors" --targets "$OUT/aligned/targets.safetensors" \
    --adapter "$OUT/aligned/grounding_signals.safetensors" "${wordnet[@]}" "${more5[@]}" --out "$OUT/stage5"
