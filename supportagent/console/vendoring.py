"""Third-party browser code is committed with its licence and hash; nothing is fetched at run time."""

import hashlib
import json
from pathlib import Path

VENDOR_DIR = Path(__file__).parent / "static" / "vendor"
MANIFEST = "VENDOR.json"


def problems(root: Path = VENDOR_DIR) -> list[str]:
    """One sentence for each file that is changed, missing, unlisted or without a licence."""
    found = []
    listed = set()
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        manifest = folder / MANIFEST
        if not manifest.is_file():
            found.append(f"{folder.name}: {MANIFEST} is missing")
            continue
        entry = json.loads(manifest.read_text())
        if not (folder / entry["licence_file"]).is_file():
            found.append(f"{folder.name}: the licence text {entry['licence_file']} is missing")
        listed |= {manifest, folder / entry["licence_file"]}
        for name, expected in entry["sha256"].items():
            listed.add(folder / name)
            found += _file_problems(folder / name, expected)
    strays = {path for path in root.rglob("*") if path.is_file()} - listed
    return found + [f"{path.relative_to(root)}: not listed in any {MANIFEST}" for path in sorted(strays)]


def _file_problems(path: Path, expected: str) -> list[str]:
    label = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        return [f"{label}: missing"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        return [f"{label}: the content is not what was vendored"]
    return []
