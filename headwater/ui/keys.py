"""The public halves of our signing keys: the one thing that is told to everybody, so that receivers can check us."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from headwater.errors import NotFoundError
from headwater.notify.signing import load_signing_keys

router = APIRouter()


@router.get("/signing-keys/{name}")
def show_signing_key(request: Request, name: str) -> Response:
    """A public key in PEM form. Nobody has to sign in for it; a receiver may keep it for a day."""
    folder: Path | None = request.app.state.signing_keys
    keys = load_signing_keys(folder) if folder is not None else ()
    for key in keys:
        if name == f"{key.id}.pem":
            headers = {"Cache-Control": "public, max-age=86400"}
            return Response(key.public_pem, media_type="application/x-pem-file", headers=headers)
    raise NotFoundError("there is no such signing key; it may have been replaced")
