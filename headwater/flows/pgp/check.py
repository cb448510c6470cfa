"""Whether the keys of an account can be used: a verdict for each step, and no secret."""

from typing import Final

from headwater.errors import DocumentError
from headwater.flows.account_check import Outcome, StepVerdict
from headwater.flows.accounts import ResolvedAccount
from headwater.flows.pgp.home import GnupgHome
from headwater.flows.pgp.keys import KeyFiles, key_files
from headwater.flows.pgp.verdict import parse_statuses, why_locked

KEY_STEPS: Final = ("keys", "secret", "passphrase")
"""The steps in their order: GnuPG reads the keys, a secret part of them decrypts, and the passphrase opens it."""
_NO_PRIVATE_KEY: Final = "not needed: without a `private_key`, the account verifies signatures and does not decrypt"
_LIST: Final = ("--with-colons", "--list-secret-keys")
_SECRET: Final = ("sec", "ssb")
_CAPABILITIES, _WHERE = 11, 14  # columns, counted from 0, of GnuPG's doc/DETAILS
_ELSEWHERE: Final = "#"


def check_keys(account: ResolvedAccount, *, name: str) -> tuple[StepVerdict, ...]:
    """Bring an account's keys to GnuPG, look for a secret part that decrypts, and open it.

    Args:
        account: Of type `pgp`.
        name: Its name.

    Raises:
        HeadwaterError: GnuPG is not installed.
    """
    with GnupgHome() as home:
        look = _Look(home, account, name)
        steps: list[StepVerdict] = []
        failed: str | None = None
        for step, take in zip(
            KEY_STEPS, (look.at_the_keys, look.at_the_secret, look.behind_the_passphrase), strict=True
        ):
            if failed is not None:
                reason = f"not tried, because step {failed!r} failed"
                steps.append(StepVerdict(name=step, outcome=Outcome.NOT_TRIED, detail=reason))
                continue
            try:
                seen = take()
            except DocumentError as error:
                failed = step
                steps.append(StepVerdict(name=step, outcome=Outcome.FAILED, detail=str(error)))
            else:
                outcome = Outcome.NOT_TRIED if seen is None else Outcome.PASSED
                steps.append(StepVerdict(name=step, outcome=outcome, detail=seen or _NO_PRIVATE_KEY))
        return tuple(steps)


class _Look:
    """The steps. Each returns what was seen, or None if it is not needed; raises `DocumentError` if it fails."""

    def __init__(self, home: GnupgHome, account: ResolvedAccount, name: str) -> None:
        self._home = home
        self._account = account
        self._name = name
        self._files: KeyFiles | None = None

    def at_the_keys(self) -> str:
        self._files = files = key_files(self._account, name=self._name)
        given = {"private_key": files.private_key, "public_keys": files.public_keys}
        seen = []
        for parameter, content in given.items():
            if content is None:
                continue
            found = sorted(self._home.import_keys(content))
            if not found:
                raise DocumentError(f"account {self._name!r}: GnuPG finds no key in `{parameter}`", key=parameter)
            seen.append(f"{parameter}: {', '.join(found)}")
        return "; ".join(seen)

    def at_the_secret(self) -> str | None:
        if self._files is None or self._files.private_key is None:
            return None
        lines = [line.split(":") for line in self._home.output(*_LIST).decode("utf-8", "replace").splitlines()]
        parts = [line for line in lines if line[0] in _SECRET and line[_WHERE] != _ELSEWHERE]
        if not parts:
            raise DocumentError(
                f"account {self._name!r}: `private_key` is a public key, without its secret part. Give what `gpg "
                "--armor --export-secret-keys` writes.",
                key="private_key",
            )
        if not any("e" in line[_CAPABILITIES] for line in parts):
            raise DocumentError(
                f"account {self._name!r}: `private_key` has no secret part that decrypts, only such as sign. Export "
                "the key with its subkey for encryption.",
                key="private_key",
            )
        return "the private key has a secret part that decrypts"

    def behind_the_passphrase(self) -> str | None:
        if self._files is None or self._files.private_key is None:
            return None
        said = parse_statuses(self._home.statuses("--export-secret-keys", passphrase=self._files.passphrase))
        reason = why_locked(said, "export_keys.secret", account=self._name)
        if reason is not None:
            raise DocumentError(reason, key="passphrase")
        if not any(status.keyword == "EXPORTED" for status in said):
            raise DocumentError(
                f"account {self._name!r}: GnuPG can't open `private_key`. Export it again with `gpg --armor "
                "--export-secret-keys`.",
                key="private_key",
            )
        return "the passphrase opens it" if self._files.passphrase else "it has no passphrase"
