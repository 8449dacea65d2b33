"""Certificates for tests: an authority of their own, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lib import parts

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_EXTENSIONS = """
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Authority:
    """Vouches for whom it gave a certificate; all files are PEM."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """A new one, that nobody else trusts."""
        made = cls(folder)
        subject = ["-x509", "-days", "2", "-subj", "/CN=authority of the tests"]
        usage = ["-addext", "keyUsage = critical, keyCertSign"]
        files = ["-keyout", made._path("ca.key"), "-out", made._path("ca.pem")]
        _openssl("req", *_KEY, *subject, *usage, *files)
        return made

    @property
    def certificate(self) -> Path:
        """What one must have to trust it."""
        return self.folder / "ca.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of somebody at 127.0.0.1."""
        certificate, key, request, extensions = (
            self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext")
        )
        extensions.write_text(_EXTENSIONS)
        ours = ["-CA", self._path("ca.pem"), "-CAkey", self._path("ca.key")]
        asked = ["-keyout", str(key), "-out", str(request)]
        _openssl("req", *_KEY, "-subj", f"/CN={name}", *asked)
        given = ["-in", str(request), "-out", str(certificate)]
        more = ["-CAcreateserial", "-days", "2", "-extfile", str(extensions)]
        _openssl("x509", "-req", *given, *ours, *more)
        return certificate, key

    def _path(self, name: str) -> str:
        return str(self.folder / name)


def _openssl(*words: str) -> None:
    command = [parts.require("openssl"), *words]
    subprocess.run(command, check=True, capture_output=True)
