"""Guards the four folders that are also visible at the repository's top level as links."""


def require_qualified(name: str, qualified: str) -> None:
    """Raises ImportError where a package is imported under its bare name (``import tools``).

    Args:
        name: The importing module's ``__name__``.
        qualified: The only name it may have.
    """
    if name != qualified:
        raise ImportError(f"import {qualified}, not {name}: the top-level folder is a link for people who browse")
