"""Files that come encrypted with OpenPGP: their keys, GnuPG, and the verdict on each message.

Start with `decryptor`.
"""
