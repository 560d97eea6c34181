#!/usr/bin/env python3
"""Makes the files beside it: encrypted for the toy plugin of crates/sops/tests/programs, whose stanza holds the file key
itself. Needs the package cryptography. The values were made up for the tests; nothing here is a secret."""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TIME = "2026-11-23T00:00:00Z"


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def unpadded(content):
    return base64.b64encode(content).rstrip(b"=")


def age(content, how):
    key, nonce = os.urandom(16), os.urandom(16)
    head = b"age-encryption.org/v1\n-> toy " + how + b"\n" + unpadded(key) + b"\n---"
    mac = hmac.new(hkdf(key, None, b"header"), head, hashlib.sha256).digest()
    # One chunk, which is the last.
    payload = ChaCha20Poly1305(hkdf(key, nonce, b"payload")).encrypt(bytes(11) + b"\1", content, None)
    return head + b" " + unpadded(mac) + b"\n" + nonce + payload


def armor(content):
    text = base64.b64encode(content).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return ["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----"]


def scalar(data_key, content, path):
    nonce = os.urandom(32)
    sealed = AESGCM(data_key).encrypt(nonce, content.encode(), path.encode())
    data, iv, tag = (base64.b64encode(part).decode() for part in (sealed[:-16], nonce, sealed[-16:]))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"


def sops(value, how):
    data_key = os.urandom(32)
    mac = hashlib.sha512(value.encode()).hexdigest().upper()
    entry = "\n".join("            " + line for line in armor(age(data_key, how)))
    return f"""password: {scalar(data_key, value, "password:")}
sops:
    age:
        - recipient: age1toy1qqqqqqqq
          enc: |
{entry}
    lastmodified: "{TIME}"
    mac: {scalar(data_key, mac, TIME)}
    unencrypted_suffix: _unencrypted
    version: 3.12.2
"""


for name, how in [("one", b"open"), ("two", b"open"), ("refused", b"refuse")]:
    with open(f"{name}.yaml", "w", encoding="ascii") as file:
        file.write(sops(f"the value of {name}", how))
with open("three.age", "wb") as file:
    file.write(age(b"the value of three", b"open"))
