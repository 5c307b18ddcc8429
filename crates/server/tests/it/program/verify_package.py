"""Verifies an unpacked package by its description (ref/package.md, ref/recording-file.md), with openssl and nothing of Sidetone.

usage: verify_package.py FOLDER KEY     ends with 0 and prints `good` if all is as it was signed
"""
import hashlib
import pathlib
import subprocess
import sys
import tempfile


def sha256(data):
    return hashlib.sha256(data).digest()


def signed_by(public, purpose, text):
    """The lines that were signed, if they were."""
    lines, mark, last = text.rpartition(b"signature ")
    algorithm, key, signature = last.decode().strip().split(":")
    assert mark and algorithm == "ed25519"
    assert key == sha256(b"sidetone signing key id 1" + public)[:8].hex(), "another key"
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        (at / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + public)
        (at / "message").write_bytes(b"sidetone signature 1 " + purpose + b"\0" + lines)
        (at / "signature").write_bytes(bytes.fromhex(signature))
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", at / "key"]
        command += ["-rawin", "-in", at / "message", "-sigfile", at / "signature"]
        done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return lines.decode().splitlines()


def root_of(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\1" + root_of(leaves[:left]) + root_of(leaves[left:]))


def leaves_of(file):
    """A leaf for every 16 media frames of a minute; a key frame begins a minute."""
    leaves, open_leaf, frames = [], b"", 0
    at, tail = 28, int.from_bytes(file[-60:-52], "little")
    while at < tail:
        kind, length = file[at + 4], int.from_bytes(file[at + 5 : at + 8], "little")
        if frames == 16 or (kind == 2 and frames):
            leaves.append(sha256(b"\0" + open_leaf))
            open_leaf, frames = b"", 0
        if kind == 3:
            open_leaf, frames = open_leaf + file[at : at + 8 + length], frames + 1
        at += 8 + length
    if frames:
        leaves.append(sha256(b"\0" + open_leaf))
    return leaves


def main(folder, key):
    word, digits = pathlib.Path(key).read_text().split()
    assert word == "sidetone-signing-public-1"
    public = bytes.fromhex(digits)
    listed = {}
    for line in signed_by(public, b"package", (folder / "package.txt").read_bytes())[4:]:
        _, digest, length, name = line.split(" ", 3)
        listed[name] = (digest, int(length))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == set(listed) | {"package.txt"}, there ^ set(listed)
    for name, (digest, length) in listed.items():
        data = (folder / name).read_bytes()
        assert (sha256(data).hex(), len(data)) == (digest, length), name
    for sealed in folder.glob("*/recording.rec"):
        seals = (sealed.parent / "seals.txt").read_bytes().split(b"\n\n")
        seals = [seal if seal.endswith(b"\n") else seal + b"\n" for seal in seals]
        said = [dict(line.split(" ", 1) for line in signed_by(public, b"seal", seal)) for seal in seals]
        for newer, older in zip(said, seals[1:]):
            assert newer["before"] == sha256(older).hex(), "the chain of seals"
        salt = bytes.fromhex((sealed.parent / "manifest.salt").read_text().strip())
        manifest = (sealed.parent / "manifest.json").read_bytes()
        assert said[0]["manifest"] == sha256(salt + manifest).hex(), "the manifest"
        leaves = leaves_of(sealed.read_bytes())
        assert said[0]["leaves"] == str(len(leaves)), len(leaves)
        assert said[0]["root"] == root_of(leaves).hex(), "the blocks"
    print("good")


main(pathlib.Path(sys.argv[1]), sys.argv[2])
