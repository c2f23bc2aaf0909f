#!/usr/bin/env bash
# All five stages, one after another, on drawn scenes and composed requests: some minutes on two CPU cores.
#
#     runs/quick.sh [OUT]                    # default: runs_output/quick
#     PHOTOS=photos VOC=VOC2007 runs/quick.sh
#
# It shows that everything runs, and how the stages hang together; six steps teach nothing. The base is the one that
# ships; fetch it first: vitron pull embedded. Stage 3 needs WordNet 3.0 (Debian: wordnet-base).
#
#     OUT/proposer.safetensors: where things are
#     OUT/stage1/model   projector and region encoder, words first; the LLM is frozen
#     OUT/stage2/model   plans with something to look at, and answers
#     OUT/stage3/model   signal heads; grounding_signals.safetensors beside it is grounding's adapter
#     OUT/stage4/model   answers that say where things are
#     OUT/stage5/model   signal heads that several experts share
#
# A step that is done is skipped; one that was interrupted goes on. DRY_RUN=1 prints the commands.
# Variables: PHOTOS, VOC (stage 3 then learns what photos look like, not drawings), WORDNET (its folder), STEPS (6).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_common.sh"

OUT="${1:-runs_output/quick}"
wordnet="${WORDNET:-/usr/share/wordnet}"
[[ -f $wordnet/data.noun ]] || { echo "$wordnet holds no WordNet 3.0: install wordnet-base, or set WORDNET" >&2; exit 2; }
few=(--size debug --stop-after "${STEPS:-6}" --features "$OUT/features")
pictures=(${PHOTOS:+--photos "$PHOTOS"} ${VOC:+--voc "$VOC"})
[[ ${#pictures[@]} -gt 0 ]] || pictures=(--scenes 3)

step proposer "$python" -m vitron_agent.train.proposals --size debug --stop-after "${STEPS:-6}" --scenes 8 --clips 2 \
    --out "$OUT/proposer.safetensors"
step stage1 "$python" -m vitron_agent.train.stage1_alignment "${few[@]}" --proposer "$OUT/proposer.safetensors" \
    --word-epochs 1 --scenes 24 --clips 4 --out "$OUT/stage1"
step stage2 "$python" -m vitron_agent.train.stage2_invocation "${few[@]}" --model "$OUT/stage1/model" \
    --scenes 12 --clips 4 --out "$OUT/stage2"
step stage3 "$python" -m vitron_agent.train.stage3_decoder --size debug --model "$OUT/stage2/model" \
    "${pictures[@]}" --wordnet "$wordnet" --out "$OUT/stage3"
step stage4 "$python" -m vitron_agent.train.stage4_grounding "${few[@]}" --model "$OUT/stage3/model" \
    --scenes 12 --clips 6 --out "$OUT/stage4"
# Its states are those that stage 3 read; runs/paper.sh, where stage 4 learns something, reads them anew.
step stage5 "$python" -m vitron_agent.train.stage5_synergy --size debug --model "$OUT/stage4/model" \
    --states "$OUT/stage3/states.safetensors" --targets "$OUT/stage3/targets.safetensors" \
    --adapter "$OUT/stage3/grounding_signals.safetensors" --wordnet "$wordnet" --out "$OUT/stage5"
[[ -n ${DRY_RUN:-} ]] || echo "all five stages took $((SECONDS / 60)):$(printf %02d $((SECONDS % 60))); see $OUT"
