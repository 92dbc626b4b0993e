"""Certificates for tests, made with openssl."""

import subprocess
from pathlib import Path
from typing import Literal

from tests.support.neighbours import need

Flaw = Literal["self-signed", "expired", "wrong-host"]


def make_certificate(folder: Path, flaw: Flaw) -> Path:
    """Write a key and its certificate with ``flaw`` into one file; return its path.

    No browser trusts it in any case. Chromium names the gravest flaw, which is the
    unknown issuer, unless it is told to trust that one.
    """
    key, request, certificate = (folder / name for name in ("key.pem", "request.pem", "site.pem"))
    extensions = folder / "extensions"
    names = "DNS:elsewhere.test" if flaw == "wrong-host" else "IP:127.0.0.1,DNS:localhost"
    extensions.write_text(f"subjectAltName={names}\n")
    _openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=site", out=request
    )
    days = "-1" if flaw == "expired" else "2"
    signing = ("x509", "-req", "-in", request, "-signkey", key, "-days", days)
    _openssl(*signing, "-extfile", extensions, out=certificate)
    certificate.write_text(certificate.read_text() + key.read_text())
    return certificate


def _openssl(*arguments: str | Path, out: Path) -> None:
    subprocess.run([need("openssl"), *arguments, "-out", out], check=True, capture_output=True)
