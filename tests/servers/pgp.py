"""People who encrypt and sign with GnuPG: keys that live for one test session."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.tools import require

PASSPHRASE = "correct horse: battery & staple"
_PAST = "20200101T000000"
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a key.

    Attributes:
        name: The key's user id.
        fingerprint: Of the primary key.
        private_key: In armor, protected by `PASSPHRASE` if the key has one.
        public_key: In armor.
    """

    name: str
    fingerprint: str
    private_key: str
    public_key: str


class KeyRing:
    """A home of GnuPG in which all people of the tests have their keys."""

    def __init__(self, home: Path) -> None:
        self._gpg = require("gpg", "gnupg")
        self._home = home
        self.us = self._person("us@headwater.example", PASSPHRASE)
        self.stranger = self._person("stranger@example.com")
        self.partner = self._person("partner@example.com")
        self.retired = self._person("retired@example.com", born=_PAST, life="1y")

    def encrypt(self, content: bytes, *options: str, to: Person | None = None) -> bytes:
        """Encrypt for somebody, us by default; `--armor`, `--compress-level=0` and the like are GnuPG's own."""
        return self.run(*options, "--encrypt", "--recipient", (to or self.us).fingerprint, content=content)

    def sign_and_encrypt(self, content: bytes, *options: str, by: Person) -> bytes:
        """Sign and encrypt for us."""
        when = (f"--faked-system-time={_PAST}",) if by is self.retired else ()
        recipient = ("--recipient", self.us.fingerprint)
        # A key of today is not valid yet in the past, which GnuPG holds against it.
        if when:
            signed = self.run(*when, "--sign", "--local-user", by.fingerprint, content=content)
            return self.run("--no-literal", "--encrypt", *recipient, content=signed)
        return self.run(*options, "--sign", "--local-user", by.fingerprint, "--encrypt", *recipient, content=content)

    def run(self, *arguments: str, content: bytes = b"", passphrase: str = "") -> bytes:
        """Run GnuPG; returns what it writes."""
        usual = ("--batch", "--no-tty", "--pinentry-mode=loopback", "--trust-model=always", "--passphrase", passphrase)
        command: list[str | Path] = [self._gpg, f"--homedir={self._home}", *usual, *arguments]
        done = subprocess.run(  # noqa: S603 (the tests' own command)
            command, input=content, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def _person(self, name: str, passphrase: str = "", *, born: str = "", life: str = "never") -> Person:
        when = (f"--faked-system-time={born}",) if born else ()
        self.run(*when, "--quick-gen-key", name, "future-default", "default", life, passphrase=passphrase)
        listed = self.run("--with-colons", "--list-keys", name).decode().splitlines()
        return Person(
            name=name,
            fingerprint=next(line.split(":")[9] for line in listed if line.startswith("fpr:")),
            private_key=self.run("--armor", "--export-secret-keys", name, passphrase=passphrase).decode(),
            public_key=self.run("--armor", "--export", name).decode(),
        )


@contextmanager
def key_ring() -> Iterator[KeyRing]:
    """Make everybody's keys; ends GnuPG's agent at the end."""
    gpgconf = require("gpgconf", "gnupg")
    home = Path(tempfile.mkdtemp(prefix="keys-"))
    try:
        yield KeyRing(home)
    finally:
        stop: list[str | Path] = [gpgconf, "--homedir", str(home), "--kill", "gpg-agent"]
        subprocess.run(stop, check=True, timeout=_TIMEOUT_SECONDS)  # noqa: S603 (the tests' own command)
        shutil.rmtree(home, ignore_errors=True)
