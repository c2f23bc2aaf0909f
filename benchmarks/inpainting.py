"""How well inpainters put back what was cut out of real photos.

    python benchmarks/inpainting.py                     # the photos that come with scikit-image
    python benchmarks/inpainting.py FOLDER --limit 40   # the first JPEG photos of a folder
    python benchmarks/inpainting.py FOLDER --json

Each photo gets two holes, the same in every run: a blob of 1 to 6 % of the picture, as a removed thing leaves it, and
a stroke of 4 pixels, as a scratch or a wire does. Measured inside the holes only, and averaged:

    psnr     dB against the original; higher is nearer
    ssim     structural similarity with the original, in [0, 1]
    detail   edge energy as a share of the original's; 1 = as much texture, 0 = a smooth smear
    seconds  wall time for a hole

Telea's method is the baseline. A person who removes a thing has no original to compare with: ``psnr`` and ``ssim``
reward a smooth mean of everything that might have been there, which ``detail`` shows for what it is.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.metrics import structural_similarity

from vitron_agent.tools.backends.embedded.editing import inpaint as ours
from vitron_agent.tools.backends.embedded.editing import patches
from vitron_agent.tools.backends.embedded.editing.pixels import around, crop_of
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled

Photo = NDArray[np.uint8]
Hole = NDArray[np.bool_]
Method = Callable[[Photo, Hole], Photo]

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
KINDS = ("blob", "stroke")


@dataclass(frozen=True)
class Score:
    """Of one method on one hole."""

    psnr: float
    ssim: float
    detail: float
    seconds: float


def telea(photo: Photo, hole: Hole) -> Photo:
    """The baseline: fast marching."""
    return cv2.inpaint(photo, hole.view(np.uint8), 5, cv2.INPAINT_TELEA)


def navier_stokes(photo: Photo, hole: Hole) -> Photo:
    """Continues the lines of equal brightness."""
    return cv2.inpaint(photo, hole.view(np.uint8), 5, cv2.INPAINT_NS)


def biharmonic(photo: Photo, hole: Hole) -> Photo:
    """The smoothest surface through the rim."""
    return _as_bytes(ours.interpolated(_as_floats(photo), hole))


def shift_map(photo: Photo, hole: Hole) -> Photo:
    """OpenCV's exemplar-based method."""
    filled = np.zeros_like(photo)
    known = np.where(hole, 0, 255).astype(np.uint8)
    cv2.xphoto.inpaint(cv2.cvtColor(photo, cv2.COLOR_RGB2Lab), known, filled, cv2.xphoto.INPAINT_SHIFTMAP)
    return cv2.cvtColor(filled, cv2.COLOR_Lab2RGB)


def frequency_selective(photo: Photo, hole: Hole) -> Photo:
    """OpenCV's reconstruction from few frequencies."""
    filled = np.zeros_like(photo)
    cv2.xphoto.inpaint(photo, np.where(hole, 0, 255).astype(np.uint8), filled, cv2.xphoto.INPAINT_FSR_FAST)
    return filled


def patch_based(photo: Photo, hole: Hole) -> Photo:
    """Ours, not tied to the rim."""
    part = crop_of(around(hole, ours.context_px(hole)))
    filled = photo.copy()
    completed = patches.complete(
        _as_floats(photo[part]), hole[part], seed=0, report=ignore_progress, cancelled=never_cancelled
    )
    filled[part] = _as_bytes(completed)
    return filled


def default(photo: Photo, hole: Hole) -> Photo:
    """What the embedded profile does: fsr-fast for thin holes, patches tied to the rim for others."""
    return _as_bytes(ours.inpaint(_as_floats(photo), hole))


METHODS: dict[str, Method] = {
    "telea (baseline)": telea,
    "navier-stokes": navier_stokes,
    "biharmonic": biharmonic,
    "xphoto shift-map": shift_map,
    "xphoto fsr-fast": frequency_selective,
    "patches": patch_based,
    "default": default,
}


def photos(folder: Path | None, limit: int | None) -> Iterator[tuple[str, Photo]]:
    """Names and photos: of a folder, or those that come with scikit-image."""
    if folder is None:
        for name in PHOTOS[:limit]:
            yield name, np.ascontiguousarray(getattr(data, name)()[..., :3])
        return
    for path in sorted(folder.glob("*.jpg"))[:limit]:
        photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if photo is None:
            raise SystemExit(f"{path} is no picture")
        yield path.name, cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def make_hole(kind: str, height: int, width: int, rng: np.random.Generator) -> Hole:
    """A hole somewhere in the middle of a picture."""
    hole = np.zeros((height, width), np.uint8)
    middle = np.array([rng.uniform(0.25, 0.75) * width, rng.uniform(0.25, 0.75) * height])
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    if kind == "blob":
        radius = np.ones_like(turns)
        for wave in range(1, 5):
            radius += rng.normal(0, 0.25 / wave) * np.cos(wave * turns + rng.uniform(0, 2 * np.pi))
        radius = np.clip(radius, 0.3, None) * np.sqrt(rng.uniform(0.01, 0.06) * height * width / np.pi)
        outline = middle + radius[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        cv2.fillPoly(hole, [outline.astype(np.int32)], 1)
    else:
        steps = np.cumsum(rng.normal(0, 0.12, 40)) + rng.uniform(0, 2 * np.pi)
        length = 0.5 * min(height, width) / 40
        line = middle + np.cumsum(length * np.stack([np.cos(steps), np.sin(steps)], axis=1), axis=0)
        cv2.polylines(hole, [line.astype(np.int32)], False, 1, 4)
    return hole.view(np.bool_)


def score(photo: Photo, hole: Hole, method: Method) -> Score:
    """Fills a hole and compares it with what was there; the method never sees that."""
    emptied = photo.copy()
    emptied[hole] = 127
    started = time.perf_counter()
    filled = method(emptied, hole)
    seconds = time.perf_counter() - started
    filled = np.where(hole[..., None], filled, photo)
    error = np.mean((filled[hole].astype(np.float64) - photo[hole]) ** 2)
    _, similarity = structural_similarity(photo, filled, channel_axis=2, full=True)
    detail = _edge_energy(filled)[hole].mean() / max(_edge_energy(photo)[hole].mean(), 1e-6)
    psnr = 10 * np.log10(255**2 / max(error, 1e-3))
    return Score(float(psnr), float(similarity[hole].mean()), float(min(detail, 2)), seconds)


def run(folder: Path | None, limit: int | None) -> dict[str, dict[str, Score]]:
    """Mean scores by kind of hole and method."""
    scores: dict[str, dict[str, list[Score]]] = {kind: {name: [] for name in METHODS} for kind in KINDS}
    for number, (_, photo) in enumerate(photos(folder, limit)):
        for kind in KINDS:
            hole = make_hole(kind, *photo.shape[:2], np.random.default_rng((number, KINDS.index(kind))))
            for name, method in METHODS.items():
                scores[kind][name].append(score(photo, hole, method))
    return {kind: {name: _mean(found) for name, found in methods.items()} for kind, methods in scores.items()}


def _mean(scores: list[Score]) -> Score:
    table = np.array([[one.psnr, one.ssim, one.detail, one.seconds] for one in scores])
    return Score(*table.mean(axis=0).tolist())


def _edge_energy(photo: Photo) -> NDArray[np.float32]:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


def _as_floats(photo: Photo) -> NDArray[np.float32]:
    return photo.astype(np.float32) / 255


def _as_bytes(photo: NDArray[np.float32]) -> Photo:
    return np.rint(photo * 255).astype(np.uint8)


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="photos; without it, those of scikit-image")
    parser.add_argument("--limit", type=int, help="at most so many photos")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    result = run(arguments.folder, arguments.limit)
    if arguments.json:
        print(json.dumps({kind: {name: asdict(one) for name, one in rows.items()} for kind, rows in result.items()}))
        return
    for kind, rows in result.items():
        print(f"\n{kind:<20}{'psnr':>8}{'ssim':>8}{'detail':>8}{'seconds':>9}")
        for name, one in rows.items():
            print(f"{name:<20}{one.psnr:8.2f}{one.ssim:8.3f}{one.detail:8.2f}{one.seconds:9.2f}")


if __name__ == "__main__":
    main()
