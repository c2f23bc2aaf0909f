"""Which format bytes are, by their content; names and declared types are never believed."""

from typing import Literal, TypeAlias

from vitron_agent.errors import MediaFormatError

PictureFormat: TypeAlias = Literal["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"]
ClipFormat: TypeAlias = Literal["mov", "matroska", "avi"]
"""Names of the demultiplexers: mov reads mp4 too, matroska reads webm too."""

HEAD = 4096
"""Number of leading bytes that decide."""

_PICTURES: tuple[tuple[bytes, PictureFormat], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_REFUSED = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"PK\3\4", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"OggS", "an Ogg clip"),
    (b"FLV\1", "a Flash clip"),
    (b"\x30\x26\xb2\x75", "a Windows Media clip"),
    (b"\0\0\1\xba", "an MPEG program stream"),
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"RIFF", "a RIFF file that is neither WebP nor AVI"),
)
_ALLOWED = "PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF, MP4, MOV, WebM, MKV or AVI"


def sniff(head: bytes, subject: str) -> PictureFormat | ClipFormat:
    """Tells the format from the first :data:`HEAD` bytes.

    Args:
        head: The bytes; fewer when the file is smaller.
        subject: What they are from, for the message.

    Raises:
        MediaFormatError: They are of no allowed format.
    """
    if not head:
        raise MediaFormatError(f"{subject}: it is empty (0 bytes)")
    if head[4:8] == b"ftyp":
        return _iso_media(head, subject)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):  # QuickTime from before ftyp
        return "mov"
    for magic, form in _PICTURES:
        if head.startswith(magic):
            return form
    raise MediaFormatError(f"{subject}: it is {_describe(head)}; give {_ALLOWED}")


def _iso_media(head: bytes, subject: str) -> PictureFormat | ClipFormat:
    size = int.from_bytes(head[:4])
    brands = {head[8:12]} | {head[start : start + 4] for start in range(16, min(size, len(head)), 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}:
        raise MediaFormatError(f"{subject}: it is a HEIC picture; convert it to JPEG or PNG first")
    if head[8:12] == b"crx ":
        raise MediaFormatError(f"{subject}: it is a camera raw file; develop it to JPEG, TIFF or PNG first")
    return "mov"


def _describe(head: bytes) -> str:
    for magic, words in _REFUSED:
        if head.startswith(magic):
            return words
    text = head.decode("utf-8-sig", errors="replace").lstrip().lower()
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return "an HTML page (an error or login page, perhaps)"
    if text.startswith(("<", "{", "[")):
        return "text (XML or JSON)"
    if "\ufffd" not in text[:-4] and "\0" not in text:
        return "text"
    return "of an unknown format"
