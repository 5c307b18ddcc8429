"""Opens a signed, and maybe encrypted, vCon with joserfc, and prints what was signed.

usage: open_vcon.py FILE ROOT.pem [RECIPIENT-KEY.pem]
"""
import base64
import json
import sys

from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from joserfc import jwe, jws
from joserfc.jwk import ECKey, RSAKey

text = json.load(open(sys.argv[1]))
if len(sys.argv) > 3:
    key = RSAKey.import_key(open(sys.argv[3]).read())
    registry = jwe.JWERegistry(algorithms=["RSA-OAEP", "A256CBC-HS512"], strict_check_header=False)
    registry.max_header_length = registry.max_protected_header_length = registry.max_ciphertext_length = 1 << 26
    opened = jwe.decrypt_json(text, key, registry=registry)
    assert opened.protected["cty"] == "application/vcon"
    text = json.loads(opened.plaintext)
protected = text["signatures"][0]["protected"]
header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
leaf = load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
leaf.verify_directly_issued_by(load_pem_x509_certificate(open(sys.argv[2], "rb").read()))
numbers = leaf.public_key()
kind = RSAKey if header["alg"] == "RS256" else ECKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

pem = numbers.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
registry = jws.JWSRegistry(algorithms=["RS256", "ES256"], strict_check_header=False)
registry.max_header_length = registry.max_payload_length = 1 << 26
verified = jws.deserialize_json(text, kind.import_key(pem), registry=registry)
vcon = json.loads(verified.payload)
assert vcon["uuid"] == header["uuid"]
print(json.dumps(vcon))
