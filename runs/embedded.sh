#!/usr/bin/env bash
# Makes the model that ships: planner, sight, signals, grounded answers (docs/training.md tells what each part does).
#
#     PHOTOS=photos CUTOUTS=cutouts VOC=VOC2007 BSDS=BSDS500 OUT=runs_output/embedded runs/embedded.sh
#
# Minutes on a large GPU for each step that trains the LLM, hours on a CPU. Start it again after an interruption: what
# is done is skipped, and a run goes on from its last checkpoint. DRY_RUN=1 prints the commands.
#
#     PHOTOS    photos of one thing each, files <wordnet id>_<name>.jpg or class folders
#     CUTOUTS   folder for what is cut out of them
#     VOC       photos in the layout of Pascal VOC 2007
#     BSDS      BSDS500, human segments
#     OUT       everything that is made; default: runs_output/embedded
#
# The products are OUT/familiar/model, which goes to vitron_agent/model/adapters/planner, and
# OUT/stage3/grounding_signals.safetensors, which goes to vitron_agent/tools/backends/embedded/weights. Word channel and
# mask decoder are trained apart (docs/grounding.md). The planner that ships was trained with the data of earlier
# commits, which docs/training.md names: today's data make another one.
#
# Signals are aligned before the model learns to see: they are read behind plans, which the LoRA for answers about what
# is seen (--seeing-rank) leaves as they are.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_common.sh"

OUT="${OUT:-runs_output/embedded}"
need PHOTOS "a folder of photos of one thing each"
need CUTOUTS "a folder for what is cut out of them"
need VOC "a folder in the layout of Pascal VOC 2007"
need BSDS "the folder of BSDS500"
held_out=(--exclude "$root"/tests/assets/planner_eval/{dev,dev_2,test}.jsonl)
compose=("$python" -m vitron_agent.train.data.invocations)
stage2=("$python" -m vitron_agent.train.stage2_invocation --size embedded "${held_out[@]}")
seen=(--photos "$PHOTOS" --cutouts "$CUTOUTS" --pasted 600 --features "$OUT/features")

# The planner: five runs, each from the one before on what it had got wrong, and the mean of two of them.
step data-1 "${compose[@]}" --count 90000 --seed 1 --repeats 10 "${held_out[@]}" --out "$OUT/first.jsonl"
step planner-1 "${stage2[@]}" --data "$OUT/first.jsonl" --out "$OUT/first"
step data-2 "${compose[@]}" --count 400 --seed 2 --repeats 1 "${held_out[@]}" --out "$OUT/second.jsonl"
step planner-2 "${stage2[@]}" --data "$OUT/second.jsonl" --adapter "$OUT/first/adapter" --batch 32 --dropout 0 \
    --learning-rate 3e-4 --epochs 1.5 --out "$OUT/second"
step data-3 "${compose[@]}" --count 400 --seed 3 --repeats 1 --refusals 400 "${held_out[@]}" --out "$OUT/third.jsonl"
step planner-3 "${stage2[@]}" --data "$OUT/third.jsonl" --adapter "$OUT/second/adapter" --batch 32 --dropout 0 \
    --learning-rate 3e-4 --epochs 1.25 --out "$OUT/third"
step data-4 "${compose[@]}" --count 1000 --seed 4 --repeats 3 --refusals 400 "${held_out[@]}" \
    --out "$OUT/fourth.jsonl"
step planner-4 "${stage2[@]}" --data "$OUT/fourth.jsonl" --adapter "$OUT/third/adapter" --batch 32 --dropout 0 \
    --learning-rate 4e-4 --epochs 0.6 --answer-weight 0.1 --seed 4 --stop-after 330 --out "$OUT/fourth"
step data-5-new "${compose[@]}" --count 150 --seed 5 --repeats 2 \
    --written by_ear hardly spans second_thoughts "${held_out[@]}" --out "$OUT/fifth_new.jsonl"
step data-5-old "${compose[@]}" --count 0 --seed 6 --repeats 2 --sample 3200 --refusals 100 "${held_out[@]}" \
    --out "$OUT/fifth_old.jsonl"
step planner-5 "${stage2[@]}" --data "$OUT"/fifth_{new,old}.jsonl --adapter "$OUT/fourth/adapter" --batch 32 \
    --dropout 0 --learning-rate 3e-4 --epochs 1 --answer-weight 0.1 --seed 5 --out "$OUT/fifth"
step planner "$python" -m vitron_agent.train.average "$OUT/second/adapter" "$OUT/fifth/adapter" --share 0.25 \
    --out "$OUT/planner"

# Stage 1: the planner gets eyes.
step cutouts "$python" -m vitron_agent.train.data.photos "$PHOTOS" --cutouts "$CUTOUTS" --voc "$VOC" --segments "$BSDS"
step proposer "$python" -m vitron_agent.train.proposals --size embedded --scenes 2500 --clips 700 --voc "$VOC" \
    --photos "$PHOTOS" --cutouts "$CUTOUTS" --pasted 600 --out "$OUT/proposer.safetensors"
step stage1 "$python" -m vitron_agent.train.stage1_alignment --size embedded --adapter "$OUT/planner" \
    --proposer "$OUT/proposer.safetensors" --scenes "${SCENES:-6000}" --clips "${CLIPS:-1000}" "${seen[@]}" --out "$OUT/stage1"

# Stage 3: what it means becomes signals.
step stage3 "$python" -m vitron_agent.train.stage3_decoder --size embedded --model "$OUT/stage1/model" \
    --photos "$PHOTOS" --cutouts "$CUTOUTS" --voc "$VOC" --out "$OUT/stage3"

# Stages 2 and 4: answers about what it sees, beside plans that stay; then where things are.
step stage2 "${stage2[@]}" --model "$OUT/stage3/model" --seeing-rank "${SEEING_RANK:-4}" --batch 64 \
    --scenes "${SCENES:-6000}" --clips "${CLIPS:-1000}" "${seen[@]}" --out "$OUT/stage2"
step stage4 "$python" -m vitron_agent.train.stage4_grounding --size embedded --model "$OUT/stage2/model" \
    --data "$OUT/first.jsonl" "${held_out[@]}" --scenes "${GROUNDED_SCENES:-9000}" --clips "${GROUNDED_CLIPS:-4500}" \
    "${seen[@]}" --out "$OUT/stage4"
step familiar "$python" -m vitron_agent.train.familiar --model "$OUT/stage4/model" --others "$PHOTOS" --out "$OUT/familiar"
