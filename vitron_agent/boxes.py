"""Labelled boxes on one picture."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Boxes:
    """Labelled boxes on one picture.

    Attributes:
        xyxy: (n, 4) float64, (x_left, y_top, x_right, y_bottom), each in [0, 1] of width or height; read-only.
        labels: n words.
        scores: n confidences in [0, 1].

    Raises:
        ValueError: The three do not fit together, or a value is out of range.
    """

    xyxy: NDArray[np.float64]
    labels: tuple[str, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        xyxy = np.array(self.xyxy, dtype=np.float64)
        xyxy = xyxy.reshape(0, 4) if xyxy.size == 0 else xyxy
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise ValueError(f"xyxy must have shape (n, 4), got {xyxy.shape}")
        for name, values in (("labels", self.labels), ("scores", self.scores)):
            if len(values) != len(xyxy):
                raise ValueError(f"{name} must have length {len(xyxy)}, one for each box, got {len(values)}")
        if not ((xyxy >= 0) & (xyxy <= 1)).all():
            raise ValueError(f"xyxy must lie in [0, 1] (pixels divided by width and height), got {xyxy.tolist()}")
        if not (xyxy[:, :2] < xyxy[:, 2:]).all():
            raise ValueError(f"xyxy must have left < right and top < bottom, got {xyxy.tolist()}")
        if not all(0 <= score <= 1 for score in self.scores):
            raise ValueError(f"scores must lie in [0, 1], got {self.scores}")
        xyxy.flags.writeable = False
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "scores", tuple(float(score) for score in self.scores))

    def __len__(self) -> int:
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Boxes):
            return NotImplemented
        return (self.labels, self.scores) == (other.labels, other.scores) and np.array_equal(self.xyxy, other.xyxy)

    def __hash__(self) -> int:
        return hash((self.labels, self.scores, self.xyxy.tobytes()))

    def pixels(self, width: int, height: int) -> NDArray[np.float64]:
        """The boxes as (n, 4) float64 in pixels of a picture of that size."""
        return self.xyxy * np.array([width, height, width, height], dtype=np.float64)

    def to_json(self, width: int, height: int) -> bytes:
        """Boxes at full precision, beside the size in pixels of the picture that they lie on."""
        rows = [
            {"xyxy": row, "label": label, "score": score}
            for row, label, score in zip(self.xyxy.tolist(), self.labels, self.scores, strict=True)
        ]
        return json.dumps(
            {"boxes": rows, "width": width, "height": height}, separators=(",", ":"), ensure_ascii=False
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Boxes":
        """Reads :meth:`to_json` back; raises ValueError, KeyError or TypeError on anything else."""
        rows = json.loads(data)["boxes"]
        return cls(
            np.array([row["xyxy"] for row in rows], dtype=np.float64),
            tuple(row["label"] for row in rows),
            tuple(row["score"] for row in rows),
        )
