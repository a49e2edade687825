#!/usr/bin/env python3
"""Every dependency must have a permissive licence; a new one that has not is named."""
import json
import re
import subprocess
import sys

ALLOWED = {"MIT", "MIT-0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSD-1-Clause", "ISC", "Zlib", "0BSD",
           "Unicode-3.0", "Unlicense", "CC0-1.0", "BSL-1.0", "OpenSSL", "CDLA-Permissive-2.0"}


def permissive(expression):
    """An SPDX expression is fine if one side of each OR and both sides of each AND are."""
    expression = expression.replace("/", " OR ")
    while (inner := re.search(r"\(([^()]*)\)", expression)) is not None:
        expression = expression.replace(inner.group(0), "MIT" if permissive(inner.group(1)) else "Refused")
    if " OR " in expression:
        return any(permissive(part) for part in expression.split(" OR "))
    return all(part.strip() in ALLOWED for part in expression.split(" AND "))


def main():
    assert permissive("(MIT OR GPL-3.0) AND ISC") and not permissive("GPL-3.0") and not permissive("MIT AND GPL-3.0")
    metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True).stdout)
    bad = [f"{p['name']} {p['version']}: {p['license']}" for p in metadata["packages"] if not permissive(p["license"] or "none")]
    print("\n".join(bad))
    print(f"{len(metadata['packages']) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
