"""What GnuPG's status lines say of a message (its `doc/DETAILS`): whether it may be loaded. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headwater.flows.pgp.keys import DecryptionRules

_PREFIX: Final = "[GNUPG:] "
_NO_PASSPHRASE: Final = 177
_BAD_PASSPHRASE: Final = 11
_CODE_BITS: Final = 0xFFFF
_SIGNATURES: Final = {
    "GOODSIG": "good",
    "EXPSIG": "expired",
    "EXPKEYSIG": "by a key that has expired",
    "REVKEYSIG": "by a key that was revoked",
    "BADSIG": "wrong: what was signed is not what came",
    "ERRSIG": "by a key that is not among the senders' public keys",
}
_DAMAGED: Final = (
    "the OpenPGP message is damaged, cut short or was tampered with: its integrity check failed. Have it sent again."
)
_UNENCRYPTED: Final = (
    "the OpenPGP message is signed or compressed, but not encrypted. Have it encrypted; or set `required: false` and "
    "name the signer's key, for without either nothing tells whether the message is whole."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One status line: its keyword, and what follows it."""

    keyword: str
    arguments: tuple[str, ...]


def parse_statuses(text: bytes) -> list[Status]:
    """The status lines of one run, in order."""
    lines = [line.removeprefix(_PREFIX) for line in text.decode("utf-8", "replace").splitlines()]
    return [Status(keyword=words[0], arguments=tuple(words[1:])) for line in lines if (words := line.split())]


def judge(statuses: Sequence[Status], rules: DecryptionRules, *, trusted: frozenset[str]) -> str | None:
    """Why a message must not be loaded, as sentences with what to do; None if nothing is against it.

    GnuPG's exit status is not asked: it is 2 where a signature cannot be checked that nobody asked for, and where one
    of several recipients is hidden, and 0 where there was no message. What counts is what was said to be right.

    Args:
        statuses: All of them.
        rules: What is asked of the message.
        trusted: Fingerprints of the keys that may have signed it.
    """
    keywords = [status.keyword for status in statuses]
    is_encrypted = "BEGIN_DECRYPTION" in keywords or "ENC_TO" in keywords or "NEED_PASSPHRASE_SYM" in keywords
    if is_encrypted and (reason := _not_decrypted(statuses, keywords, rules)) is not None:
        return reason
    if keywords.count("PLAINTEXT") != 1 or any(map(_is_fault, statuses)):
        return _DAMAGED
    if not is_encrypted and (rules.required or not rules.signed):
        return _UNENCRYPTED
    return _wrongly_signed(_signatures(statuses), rules, trusted)


def why_locked(statuses: Sequence[Status], operation: str, *, account: str) -> str | None:
    """Why a key could not be used, as sentences with what to do, if that was for its passphrase; None otherwise.

    Args:
        statuses: All of them.
        operation: What failed, as GnuPG names it in `ERROR`.
        account: Where the key is from.
    """
    codes = {
        int(code) & _CODE_BITS
        for status in statuses
        if status.keyword == "ERROR" and status.arguments[:1] == (operation,)
        for code in status.arguments[1:2]
        if code.isdecimal()
    }
    if _BAD_PASSPHRASE in codes:
        return f"the key of account {account!r} cannot be used: its `passphrase` is wrong. Correct it."
    if _NO_PASSPHRASE in codes:
        return f"the key of account {account!r} cannot be used: it needs a `passphrase`. Add it."
    return None


def _not_decrypted(statuses: Sequence[Status], keywords: Sequence[str], rules: DecryptionRules) -> str | None:
    if "NEED_PASSPHRASE_SYM" in keywords:
        return (
            "the OpenPGP message is encrypted with a passphrase instead of a public key, which is not supported. Have "
            f"it encrypted for the key of account {rules.account!r}."
        )
    if "DECRYPTION_OKAY" in keywords and "GOODMDC" in keywords:
        ended_badly = {"DECRYPTION_FAILED", "BADMDC"} & set(keywords)
        return _DAMAGED if ended_badly or keywords.count("END_DECRYPTION") != 1 else None
    if (locked := why_locked(statuses, "pkdecrypt_failed", account=rules.account)) is not None:
        return locked
    if "NO_SECKEY" in keywords and "PLAINTEXT" not in keywords:
        keys = ", ".join(status.arguments[0] for status in statuses if status.keyword == "ENC_TO" and status.arguments)
        return (
            f"the OpenPGP message is encrypted for another key than that of account {rules.account!r}: for {keys}. "
            "Send the sender the right public key, or name the account with the right private key."
        )
    return _DAMAGED


def _is_fault(status: Status) -> bool:
    """Whether GnuPG gave up on something; that a key did not fit is none, since hidden recipients' are tried."""
    return status.keyword == "FAILURE" or (status.keyword == "ERROR" and status.arguments[:1] != ("pkdecrypt_failed",))


def _signatures(statuses: Sequence[Status]) -> list[tuple[str, frozenset[str]]]:
    """Each signature: its keyword, and the fingerprints of signing key and primary key if it is valid."""
    found: list[tuple[str, frozenset[str]]] = []
    for status in statuses:
        if status.keyword in _SIGNATURES:
            found.append((status.keyword, frozenset()))
        elif status.keyword == "VALIDSIG" and found and status.arguments:
            found[-1] = (found[-1][0], frozenset({status.arguments[0], status.arguments[-1]}))
    return found


def _wrongly_signed(
    signatures: Sequence[tuple[str, frozenset[str]]], rules: DecryptionRules, trusted: frozenset[str]
) -> str | None:
    if any(state == "BADSIG" for state, _ in signatures):
        return f"a signature of the OpenPGP message is {_SIGNATURES['BADSIG']}. Have it sent again."
    if not rules.signed or any(state == "GOODSIG" and keys & trusted for state, keys in signatures):
        return None
    wanted = f"`source.encryption` asks for a good signature by one of the keys {', '.join(sorted(trusted))}"
    if not signatures:
        return f"the OpenPGP message is not signed, and {wanted}. Have it signed."
    found = ", ".join(f"by {min(keys)}" if state == "GOODSIG" else _SIGNATURES[state] for state, keys in signatures)
    return f"the signature of the OpenPGP message is {found}; {wanted}. Ask the sender what was signed, and with what."
