r"""Rewrites pickled weights as safetensors, once, so that no pickle is opened where plans are made.

::

    python -m vitron_agent.model.pickles vitron-base vitron-lora

The released VITRON is published as ``.bin`` files (``pytorch_model-*.bin``, ``adapter_model.bin``): pickles, which
can run code when opened. They are opened with ``weights_only=True``, which refuses all but tensors. The new files lie
beside the old ones, under the names that transformers and PEFT look for; the old ones may be deleted then. What holds
no weights of the text half (``non_lora_trainables.bin``) is left as it is.
"""

import argparse
import json
import logging
import pickle
from pathlib import Path

from vitron_agent.errors import WeightsError

_log = logging.getLogger(__name__)
_NAMES = (("pytorch_model", "model"), ("adapter_model", "adapter_model"))
"""How files of weights begin, as pickles and as safetensors."""


def convert(folder: Path) -> list[Path]:
    """Writes the safetensors of a folder's pickles, with their index where there are several; one file at a time.

    Returns:
        The files of weights that were written.

    Raises:
        WeightsError: There is nothing to convert, or a file is damaged or holds more than tensors.
    """
    written: list[Path] = []
    for old, new in _NAMES:
        places: dict[str, str] = {}
        sizes = 0
        parts = sorted(folder.glob(f"{old}*.bin"))
        for part in parts:
            path = folder / f"{new}{part.stem.removeprefix(old)}.safetensors"
            sizes += _rewrite(part, path, places)
            written.append(path)
        if len(parts) > 1:
            index = {"metadata": {"total_size": sizes}, "weight_map": places}
            (folder / f"{new}.safetensors.index.json").write_text(json.dumps(index, indent=2))
    if not written:
        names = " or ".join(f"{old}*.bin" for old, _ in _NAMES)
        raise WeightsError(f"there is no {names} in {folder}; name the folder that was fetched")
    return written


def _rewrite(old: Path, new: Path, places: dict[str, str]) -> int:
    """Writes one file and notes where its tensors are; gives their size in bytes."""
    import torch
    from safetensors.torch import save_file

    scratch = new.with_name(f".{new.name}")  # what is interrupted leaves no half-written weights
    try:
        tensors = torch.load(old, map_location="cpu", weights_only=True, mmap=True)
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(tensors, scratch, metadata={"format": "pt"})
    except (pickle.UnpicklingError, OSError, RuntimeError, AttributeError) as error:
        raise WeightsError(f"{old} cannot be converted: it is damaged or holds more than tensors ({error})") from error
    scratch.replace(new)
    _log.info("%s: %d tensors", new, len(tensors))
    places |= dict.fromkeys(tensors, new.name)
    return sum(tensor.nbytes for tensor in tensors.values())


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for folder in options.folders:
        convert(folder)


if __name__ == "__main__":
    main()
