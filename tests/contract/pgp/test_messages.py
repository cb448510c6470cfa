"""Encrypted files, decrypted by a real GnuPG: what is right is read, and nothing else."""

import gzip
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.errors import DocumentError, FileError, NotFoundError
from headwater.flows.accounts import ResolvedAccount
from headwater.flows.pgp.decryptor import GnupgDecryptor, open_decryptor
from headwater.flows.pgp.keys import decryption_rules
from headwater.formats import FormatOptions
from headwater.formats.contents import open_contents
from headwater.model.documents import Encryption
from tests.forks import run_apart
from tests.servers.pgp import PASSPHRASE, KeyRing
from tests.unit.formats.packing import tarred, zipped

SIGNED: dict[str, object] = {"sign_verification_key_id": "partners"}
LONG = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 10007) for n in range(50_000))


class Accounts:
    """Accounts as they are given."""

    def __init__(self, **accounts: dict[str, object]) -> None:
        self._accounts = accounts

    def resolve(self, account: str) -> ResolvedAccount:
        if account not in self._accounts:
            raise NotFoundError(f"account {account!r} does not exist")
        config = dict(self._accounts[account])
        return ResolvedAccount(kind=str(config.pop("type", "pgp")), config=config)


def ours(keys: KeyRing, **changes: object) -> dict[str, object]:
    return {"private_key": keys.us.private_key, "passphrase": PASSPHRASE, **changes}


@contextmanager
def decryptor(
    keys: KeyRing, encryption: Mapping[str, object] | None = None, **changes: object
) -> Iterator[GnupgDecryptor]:
    accounts = Accounts(ours=ours(keys, **changes), partners={"public_keys": keys.partner.public_key})
    given = Encryption.from_json({"public_key_id": "ours", **(encryption or {})})
    with open_decryptor(given, accounts) as opened:
        assert opened is not None
        yield opened


def read(content: bytes, decryptor: GnupgDecryptor, **options: Any) -> list[tuple[str, tuple[str, ...], bytes]]:  # noqa: ANN401
    found = []
    stream = io.BytesIO(content)
    for each in open_contents(stream, file="f", options=FormatOptions.from_json(options), decryptor=decryptor):
        pieces = []
        while piece := each.source.read(100_000):
            pieces.append(piece)
        found.append((each.file, each.layers, b"".join(pieces)))
    return found


def refusal(content: bytes, decryptor: GnupgDecryptor) -> str:
    with pytest.raises(FileError) as raised:
        read(content, decryptor)
    assert raised.value.code == "200"
    return str(raised.value)


@pytest.mark.parametrize("options", [(), ("--armor",), ("--compress-level=0",), ("--bzip2-compress-level=9",)])
def test_what_was_encrypted_is_read(keys: KeyRing, options: tuple[str, ...]) -> None:
    with decryptor(keys) as opened:
        assert read(keys.encrypt(LONG, *options), opened) == [("f", ("pgp",), LONG)]


@pytest.mark.parametrize(
    ("pack", "expected"),
    [
        (lambda: gzip.compress(LONG, mtime=0), [("f", ("pgp", "gzip"), LONG)]),
        (lambda: zipped(("x.csv", LONG)), [("f!/x.csv", ("pgp", "zip"), LONG)]),
        (
            lambda: gzip.compress(tarred(("x.csv.gz", gzip.compress(LONG)), ("y.csv", b"a\n1\n"))),
            [("f!/x.csv.gz", ("pgp", "gzip", "tar", "gzip"), LONG), ("f!/y.csv", ("pgp", "gzip", "tar"), b"a\n1\n")],
        ),
    ],
    ids=["gzip", "zip", "tar.gz"],
)
def test_what_is_packed_in_it_is_unpacked(keys: KeyRing, pack: Callable[[], bytes], expected: list[Any]) -> None:
    with decryptor(keys) as opened:
        assert read(keys.encrypt(pack()), opened) == expected


def test_many_files_one_after_the_other_with_one_home(keys: KeyRing) -> None:
    run_with_homes_apart(read_many_files, keys)


def read_many_files(keys: KeyRing, folder: str) -> None:
    with decryptor(keys) as opened:
        for number in range(3):
            content = b"a\n%d\n" % number
            assert read(keys.encrypt(content), opened) == [("f", ("pgp",), content)]
            [home] = Path(folder).glob("headwater-pgp-*")
        assert home.stat().st_mode & 0o777 == 0o700
    assert list(Path(folder).glob("headwater-pgp-*")) == []


def test_keys_may_be_base64_and_have_no_passphrase(keys: KeyRing) -> None:
    import base64

    key = base64.b64encode(keys.partner.private_key.encode()).decode()
    with decryptor(keys, private_key=key, passphrase=None) as opened:
        assert read(keys.encrypt(LONG, to=keys.partner), opened) == [("f", ("pgp",), LONG)]


def test_for_several_recipients_one_key_is_enough(keys: KeyRing) -> None:
    both = keys.encrypt(LONG, "--recipient", keys.stranger.fingerprint)
    hidden = keys.encrypt(LONG, "--hidden-recipient", keys.stranger.fingerprint)
    with decryptor(keys) as opened:
        assert read(both, opened) == read(hidden, opened) == [("f", ("pgp",), LONG)]


def test_a_message_for_another_key_is_refused(keys: KeyRing) -> None:
    with decryptor(keys) as opened:
        message = refusal(keys.encrypt(LONG, to=keys.stranger), opened)
    assert re.fullmatch(
        r"f: the OpenPGP message is encrypted for another key than that of account 'ours': for [0-9A-F]{16}\. Send "
        r"the sender the right public key, or name the account with the right private key\. Nothing of the file is "
        r"loaded\.",
        message,
    )


@pytest.mark.parametrize(
    ("passphrase", "expected"),
    [
        ("wrong", "f: the key of account 'ours' cannot be used: its `passphrase` is wrong. Correct it."),
        (None, "f: the key of account 'ours' cannot be used: it needs a `passphrase`. Add it."),
    ],
    ids=["wrong", "none"],
)
def test_a_passphrase_that_does_not_fit_is_told(keys: KeyRing, passphrase: str | None, expected: str) -> None:
    with decryptor(keys, passphrase=passphrase) as opened:
        assert refusal(keys.encrypt(LONG), opened).startswith(expected)


@pytest.mark.parametrize(
    ("options", "end"),
    [((), 0), (("--compress-level=0",), 0), (("--armor",), 40)],
    ids=["usual", "stored", "armored"],
)
def test_a_message_that_is_cut_anywhere_is_refused(keys: KeyRing, options: tuple[str, ...], end: int) -> None:
    message = keys.encrypt(LONG, *options)
    whole = len(message) - end  # what follows in armor is no data
    with decryptor(keys) as opened:
        for length in (40, 200, whole // 2, whole - 25, whole - 1):
            assert "damaged, cut short or was tampered with" in refusal(message[:length], opened)


@pytest.mark.parametrize("options", [(), ("--compress-level=0",)], ids=["usual", "stored"])
def test_a_message_of_which_a_bit_was_changed_is_refused(keys: KeyRing, options: tuple[str, ...]) -> None:
    message = keys.encrypt(LONG, *options)
    with decryptor(keys) as opened:
        for place in (len(message) // 3, len(message) // 2, len(message) - 10):
            changed = bytearray(message)
            changed[place] ^= 1
            assert "damaged, cut short or was tampered with" in refusal(bytes(changed), opened)


def test_what_follows_a_message_is_refused(keys: KeyRing) -> None:
    literal = b"\xcb\x0ab\x00\0\0\0\0evil"
    message = keys.encrypt(LONG)
    with decryptor(keys) as opened:
        for forged in (
            message + literal,
            literal + message,
            message + message,
            keys.encrypt(b"")[:0] + message + b"\0",
        ):
            with pytest.raises(FileError):
                read(forged, opened)


def test_a_message_without_integrity_check_is_refused(keys: KeyRing) -> None:
    message = keys.encrypt(LONG, "--rfc2440", "--disable-mdc")
    with decryptor(keys) as opened:
        assert "its integrity check failed" in refusal(message, opened)


def test_a_message_with_a_passphrase_instead_of_a_key_is_refused(keys: KeyRing) -> None:
    message = keys.run("--symmetric", content=LONG, passphrase=PASSPHRASE)
    with decryptor(keys) as opened:
        assert "encrypted with a passphrase instead of a public key, which is not supported" in refusal(message, opened)


def test_files_that_are_not_encrypted_are_refused_unless_that_is_allowed(keys: KeyRing) -> None:
    signed = keys.run("--sign", "--local-user", keys.partner.fingerprint, content=LONG)
    clear = keys.run("--clear-sign", "--local-user", keys.partner.fingerprint, content=LONG)
    with decryptor(keys) as opened:
        assert refusal(LONG, opened) == (
            "f: the file is not encrypted with OpenPGP, and `source.encryption` requires that. Nothing of it is "
            "loaded. Have it encrypted, or set `required: false`."
        )
        for message in (signed, clear):
            assert "signed or compressed, but not encrypted" in refusal(message, opened)
    with decryptor(keys, {"required": False}) as opened:
        assert read(LONG, opened) == [("f", (), LONG)]
        assert "for without either nothing tells whether the message is whole" in refusal(signed, opened)
    with decryptor(keys, {"required": False, **SIGNED}) as opened:
        assert read(signed, opened) == read(clear, opened) == [("f", ("pgp",), LONG)]
        for length in (200, len(signed) // 2, len(signed) - 100):
            refusal(signed[:length], opened)


def test_without_a_key_encrypted_files_are_refused(keys: KeyRing) -> None:
    with pytest.raises(FileError, match="encrypted or signed with OpenPGP, and the dataflow has no `source"):
        list(open_contents(io.BytesIO(keys.encrypt(LONG)), file="f"))


def test_messages_within_archives_are_refused(keys: KeyRing) -> None:
    packed = zipped(("x.csv.pgp", keys.encrypt(LONG)))
    with decryptor(keys, {"required": False}) as opened:
        assert "f!/x.csv.pgp: is an OpenPGP message within zip" in refusal(packed, opened)
        assert "f: is an OpenPGP message within pgp" in refusal(keys.encrypt(keys.encrypt(LONG)), opened)


def test_a_signature_by_a_named_key_is_good(keys: KeyRing) -> None:
    message = keys.sign_and_encrypt(LONG, by=keys.partner)
    with decryptor(keys, SIGNED) as opened:
        assert read(message, opened) == [("f", ("pgp",), LONG)]
    pinned = {"signer_fingerprints": [keys.partner.fingerprint.lower()]}
    with decryptor(keys, pinned, public_keys=keys.partner.public_key + keys.stranger.public_key) as opened:
        assert read(message, opened) == [("f", ("pgp",), LONG)]


def test_signatures_that_nobody_asked_for_are_no_obstacle(keys: KeyRing) -> None:
    with decryptor(keys) as opened:
        assert read(keys.sign_and_encrypt(LONG, by=keys.stranger), opened) == [("f", ("pgp",), LONG)]


def test_without_the_signature_that_is_asked_for_nothing_is_loaded(keys: KeyRing) -> None:
    wanted = f"`source.encryption` asks for a good signature by one of the keys {keys.partner.fingerprint}"
    with decryptor(keys, SIGNED) as opened:
        assert f"the OpenPGP message is not signed, and {wanted}" in refusal(keys.encrypt(LONG), opened)
        message = refusal(keys.sign_and_encrypt(LONG, by=keys.stranger), opened)
        assert f"by a key that is not among the senders' public keys; {wanted}" in message
    pinned = {"signer_fingerprints": [keys.partner.fingerprint]}
    with decryptor(keys, pinned, public_keys=keys.partner.public_key + keys.stranger.public_key) as opened:
        message = refusal(keys.sign_and_encrypt(LONG, by=keys.stranger), opened)
        assert f"the signature of the OpenPGP message is by {keys.stranger.fingerprint}; {wanted}" in message


def test_a_signature_by_a_key_that_has_expired_is_refused(keys: KeyRing) -> None:
    message = keys.sign_and_encrypt(LONG, by=keys.retired)
    trusting = {"signer_fingerprints": [keys.retired.fingerprint]}
    with decryptor(keys, trusting, public_keys=keys.retired.public_key) as opened:
        assert "the signature of the OpenPGP message is by a key that has expired" in refusal(message, opened)


@pytest.mark.slow
def test_a_bomb_is_refused(keys: KeyRing) -> None:
    message = keys.encrypt(bytes(300 * 1024 * 1024), "--compress-algo=zlib")
    with decryptor(keys) as opened, pytest.raises(FileError, match="of pgp data expand to more than 250 times as many"):
        read(message, opened)
    with decryptor(keys) as opened, pytest.raises(FileError, match="the pgp data expands to more than 1,048,576 bytes"):
        read(keys.encrypt(LONG * 10), opened, max_unpacked_bytes=1_048_576)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"private_key": None}, "account 'ours': parameter `private_key` is missing: the key that decrypts"),
        ({"private_key": "rubbish!"}, "account 'ours': `private_key` is no OpenPGP key; give what `gpg --armor"),
        ({"private_key": "cnViYmlzaA=="}, "account 'ours': GnuPG finds no key in `private_key`"),
        ({"passphrase": "two\nlines"}, "account 'ours': `passphrase`: Value error, give one line of at most 1000"),
        ({"key": "x"}, "Parameters of type 'pgp' are `private_key`, `passphrase`, `public_keys`"),
        ({"type": "sftp"}, "account 'ours' is of type 'sftp'; `source.encryption` needs one of type 'pgp'"),
    ],
    ids=["none", "rubbish", "no-key", "passphrase", "unknown", "type"],
)
def test_an_account_without_a_key_is_told(keys: KeyRing, parameters: dict[str, object], expected: str) -> None:
    message = keys.encrypt(LONG)
    with pytest.raises(DocumentError) as raised, decryptor(keys, None, **parameters) as opened:
        read(message, opened)
    assert expected in str(raised.value)
    assert PASSPHRASE not in str(raised.value)
    assert "rubbish" not in str(raised.value)


def test_keys_for_signatures_have_to_be_there(keys: KeyRing) -> None:
    with (
        pytest.raises(
            DocumentError, match="account 'ours': parameter `public_keys` is missing: the keys of the senders"
        ),
        decryptor(keys, {"signer_fingerprints": [keys.partner.fingerprint]}),
    ):
        pass
    with pytest.raises(NotFoundError), decryptor(keys, {"sign_verification_key_id": "nobody"}):
        pass


def test_no_secret_is_in_a_command_line_the_environment_or_a_repr(keys: KeyRing) -> None:
    with decryptor(keys) as opened:
        message = io.BytesIO(keys.encrypt(LONG * 20))
        content = next(open_contents(message, file="f", decryptor=opened))
        assert content.source.read(10) == LONG[:10]
        seen = [
            " ".join([*process.cmdline(), *process.environ().values()])
            for process in psutil.Process().children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE
        ]
        assert any("--decrypt" in each for each in seen)
        assert [each for each in seen if PASSPHRASE in each] == []
    rules = decryption_rules(Encryption(public_key_id="ours"), Accounts(ours=ours(keys)))
    assert PASSPHRASE not in repr(rules)
    assert "PRIVATE KEY" not in repr(rules)


def test_giving_up_midway_ends_gnupg(keys: KeyRing) -> None:
    with decryptor(keys) as opened:
        content = next(open_contents(io.BytesIO(keys.encrypt(LONG * 20)), file="f", decryptor=opened))
        content.source.read(10)
        (gpg,) = [each for each in psutil.Process().children() if "--decrypt" in each.cmdline()]
    assert not gpg.is_running()


def test_what_was_not_read_is_verified_all_the_same(keys: KeyRing) -> None:
    message = bytearray(keys.encrypt(LONG * 20, "--compress-level=0"))
    message[-10] ^= 1
    with decryptor(keys) as opened:
        content = next(open_contents(io.BytesIO(bytes(message)), file="f", decryptor=opened))
        assert content.source.read(10) == LONG[:10]
        with pytest.raises(FileError, match="tampered with"):
            opened.verify()


CHILD = """
import io, sys, time
from headwater.flows.pgp.home import GnupgHome
home = GnupgHome()
home.import_keys(sys.stdin.buffer.read())
print(home._folder, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_neither_agent_nor_key(keys: KeyRing) -> None:
    run_with_homes_apart(read_after_a_kill, keys)


def read_after_a_kill(keys: KeyRing, _folder: str) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(keys.us.private_key.encode())
        child.stdin.close()
        folder = Path(child.stdout.readline().decode().strip())
        child.send_signal(signal.SIGKILL)
    assert (folder / "private-keys-v1.d").is_dir()
    with decryptor(keys) as opened:
        assert read(keys.encrypt(LONG), opened)
        assert not folder.exists(), "the next home removes what a killed process left"
    deadline = time.monotonic() + 30
    while any(str(folder) in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < deadline, "the agent lives on"
        time.sleep(0.1)


def test_without_gnupg_the_message_says_what_to_install(keys: KeyRing, tmp_path: Path) -> None:
    code = (
        "from headwater.flows.pgp.home import GnupgHome\nfrom headwater.errors import HeadwaterError\n"
        "try:\n    GnupgHome()\nexcept HeadwaterError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)  # noqa: S603
    assert done.stdout.decode().startswith(
        "The file is encrypted with OpenPGP, and `gpg`, `gpg-agent`, `gpgconf`, `cat`"
    )
    assert b"Install the package `gnupg`" in done.stdout


def test_a_path_that_is_too_long_for_the_agent_is_told(keys: KeyRing, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    code = (
        "from headwater.flows.pgp.home import GnupgHome\nfrom headwater.errors import HeadwaterError\n"
        "try:\n    GnupgHome()\nexcept HeadwaterError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "TMPDIR": str(deep)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)  # noqa: S603
    assert b"GnuPG's agent did not start in" in done.stdout
    assert list(deep.iterdir()) == []


def run_with_homes_apart(main: Callable[[KeyRing, str], None], keys: KeyRing) -> None:
    """Call a function in a process whose homes are in a folder of their own, which is its second argument.

    Others make their homes in the system's folder meanwhile, and remove what killed processes left there. The folder of
    a test is too deep down for GnuPG's agent.
    """
    with tempfile.TemporaryDirectory(prefix="homes-") as folder:
        end = run_apart(_run_in, folder, main, keys, variables={"TMPDIR": folder})
    assert (end.exitcode, end.raised) == (0, "")


def _run_in(folder: str, main: Callable[[KeyRing, str], None], keys: KeyRing) -> None:
    tempfile.tempdir = folder
    main(keys, folder)
