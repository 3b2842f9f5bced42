"""``python -m verify``. Works from any Python: without the dependencies it hands over to the repository's ``.venv``."""

# Only the standard library may be imported here, and by verify/__init__.py and the head of verify/cli.py.
import os
import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("array_api_compat", "cvxpy", "flint", "jinja2", "matplotlib", "numpy", "pydantic", "rich", "scipy", "sympy")
HANDED_OVER = "VERIFY_HANDED_OVER"  # set for the interpreter that was handed the command, so that it is handed on once


def main() -> int:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return _hand_over(missing)
    from verify import cli

    return cli.main(sys.argv[1:])


def _hand_over(missing: list[str]) -> int:
    """Runs the command with the interpreter that `make` installed; returns only where there is none."""
    python = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
    if os.environ.get(HANDED_OVER) is None and python.is_file():
        os.environ[HANDED_OVER] = "1"
        os.execv(python, [str(python), "-m", "verify", *sys.argv[1:]])
    print(f"verify needs {', '.join(missing)}: run `make` first", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
