"""What a webhook is shown: a word in the folder of the keys, if there is one."""

from __future__ import annotations

from backend.config import Settings
from backend.errors import KeyUnusable

TOKEN = "webhook.token"  # noqa: S105  the name of a file


def load_token(settings: Settings) -> str | None:
    """The word, or none. Raises KeyUnusable."""
    path = settings.key_file(TOKEN)
    try:
        token = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(path, str(error)) from error
    if not token.isprintable() or " " in token:
        raise KeyUnusable(path, "found more than one word")
    return token
