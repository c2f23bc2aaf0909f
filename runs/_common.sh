# What the scripts of this folder share; they source it.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-$root/.venv/bin/python}"
[[ -n ${PYTHON:-} || -x $python ]] || python=python3
SECONDS=0

# The comment at a script's top is its help.
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit
fi

# need NAME WHAT: ends with a message unless the variable is set.
need() {
    [[ -n ${!1:-} ]] || { echo "$(basename "$0"): set $1: $2 (--help tells more)" >&2; exit 2; }
}

# step NAME COMMAND...: runs a command once; when it has ended well, another start of the script skips it.
# DRY_RUN=1 prints the command instead.
step() {
    local name=$1
    shift
    if [[ -n ${DRY_RUN:-} ]]; then
        printf '%q ' "$@"
        echo
    elif [[ -e $OUT/done/$name ]]; then
        echo "== $name: done already"
    else
        printf '== %s (%d:%02d after the start)\n' "$name" $((SECONDS / 60)) $((SECONDS % 60))
        mkdir -p "$OUT/done"
        "$@"
        touch "$OUT/done/$name"
    fi
}
