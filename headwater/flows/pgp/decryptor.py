"""Decrypts the files of one task, with keys that are brought to GnuPG when the first of them needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from headwater.errors import DocumentError
from headwater.flows.accounts import AccountResolver
from headwater.flows.pgp.home import GnupgHome
from headwater.flows.pgp.keys import DecryptionRules, decryption_rules
from headwater.flows.pgp.message import Message
from headwater.formats.source import ByteSource
from headwater.model.documents import Encryption

_DRAIN_BYTES: Final = 262_144


class GnupgDecryptor:
    """Keys, and the message that is being decrypted: one at a time. Close it, or use `open_decryptor`."""

    def __init__(self, rules: DecryptionRules) -> None:
        self._rules = rules
        self._home: GnupgHome | None = None
        self._trusted: frozenset[str] = frozenset()
        self._message: Message | None = None

    @property
    def required(self) -> bool:
        """Whether a file that is not encrypted is to be refused."""
        return self._rules.required

    def decrypt(self, message: ByteSource, *, file: str) -> Message:
        """See `headwater.formats.pgp.Decryptor`; ends the message before.

        Raises:
            DocumentError: the account's keys are none.
            HeadwaterError: GnuPG is not installed.
        """
        self._end_message()
        home = self._home or self._open_home()
        self._message = Message(home, message, self._rules, trusted=self._trusted, file=file)
        return self._message

    def verify(self) -> None:
        """Read what is left of the message, if any: only its end tells whether what was read before is right.

        Raises:
            FileError: "200" if it is not.
        """
        while self._message is not None and self._message.read(_DRAIN_BYTES):
            pass
        self._end_message()

    def close(self) -> None:
        """End GnuPG and forget the keys. May be called twice."""
        self._end_message()
        if self._home is not None:
            self._home.close()
            self._home = None

    def _end_message(self) -> None:
        if self._message is not None:
            self._message.close()
            self._message = None

    def _open_home(self) -> GnupgHome:
        rules = self._rules
        self._home = home = GnupgHome()
        if not home.import_keys(rules.private_key):
            raise DocumentError(
                f"account {rules.account!r}: GnuPG finds no key in `private_key`. Give what `gpg --armor "
                "--export-secret-keys` writes.",
                key="private_key",
            )
        senders = home.import_keys(rules.public_keys) if rules.public_keys else frozenset()
        if rules.signed and not senders:
            raise DocumentError(
                "GnuPG finds no key in the `public_keys` that `source.encryption` names for its signatures. Give what "
                "`gpg --armor --export` writes.",
                key="public_keys",
            )
        self._trusted = rules.signers or senders
        return home


@contextmanager
def open_decryptor(encryption: Encryption | None, accounts: AccountResolver) -> Iterator[GnupgDecryptor | None]:
    """What decrypts the files of a dataflow, None if it says nothing of encryption; closed at the end.

    Raises:
        NotFoundError: there is no account of the name.
        DocumentError: it holds no keys.
    """
    if encryption is None:
        yield None
        return
    decryptor = GnupgDecryptor(decryption_rules(encryption, accounts))
    try:
        yield decryptor
    finally:
        decryptor.close()
