//! Seals: what a sealed file holds is signed, and who has only the public half can tell (C8-02, C8-04, C8-06).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;
use sha2::Digest as _;
use vault::disk::sim::SimDisk;
use vault::{Archive, Digest, FrameBatch, KeyFolder, ReadError, Seal, Sealed, VerifyingKey};

use crate::world::{open, reading_key, recorder_keys, recording, talk};

/// A file of some seconds, sealed.
fn sealed(disk: &SimDisk, id: RecordingId, manifest: &[u8]) -> Sealed {
    let mut store = open(disk, 1 << 20);
    let mut call = store.intake.begin(id);
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 400, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    store.sealer.seal(&store.writer.take_unsettled(id), manifest).unwrap()
}

fn archive(disk: &SimDisk) -> Archive {
    Archive::new(Arc::new(disk.clone()), Path::new("/"))
}

fn bytes_of(disk: &SimDisk, id: RecordingId) -> (PathBuf, Vec<u8>) {
    let path = Path::new("/").join(archive(disk).path_of(id));
    let bytes = disk.files().into_iter().find(|(name, _)| *name == path).unwrap().1;
    (path, bytes)
}

fn public() -> VerifyingKey {
    recorder_keys().signing().public()
}

fn put(path: &Path, bytes: Vec<u8>) -> Archive {
    let disk = SimDisk::new();
    disk.put(path, bytes);
    archive(&disk)
}

/// Offset and kind of every frame in a sealed file.
fn frames(bytes: &[u8]) -> Vec<(usize, u8)> {
    let mut frames = Vec::new();
    let mut at = 28;
    while at + 8 < bytes.len() - 60 {
        frames.push((at, bytes[at + 4]));
        at += 8 + u32::from_le_bytes([bytes[at + 5], bytes[at + 6], bytes[at + 7], 0]) as usize;
    }
    frames
}

/// Gives the frame at `at` a checksum that holds again.
fn mend(bytes: &mut [u8], at: usize) {
    let end = at + 8 + u32::from_le_bytes([bytes[at + 5], bytes[at + 6], bytes[at + 7], 0]) as usize;
    let crc = crc32c::crc32c(&bytes[at + 4..end]);
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a_sealed_file_says_what_it_holds_and_the_install_has_signed_it() {
    let disk = SimDisk::new();
    sealed(&disk, recording(1), b"facts");
    let verified = archive(&disk).verify(recording(1), None).unwrap();
    let [seal] = &verified.seals[..] else { panic!("{:?}", verified.seals) };
    seal.verify(&[public()]).unwrap();
    let said = seal.statement();
    assert_eq!((said.recording, said.missing, said.before), (recording(1), 0, None));
    assert!(said.program.starts_with("sidetone "), "{}", said.program);
    assert_eq!(said.leaves, said.blocks.div_ceil(16), "one minute, sixteen blocks to a leaf");
    assert!(said.blocks > 32 && said.first < said.last);

    // The text can be kept apart from the file, and says the same.
    assert_eq!(Seal::read(seal.text()).as_ref(), Some(seal));
    let mut reader = archive(&disk).open(recording(1), reading_key()).unwrap();
    assert_eq!(reader.manifest().unwrap(), b"facts");
    let salted = reader.salted_manifest().unwrap();
    assert_eq!(salted[32..], *b"facts");
    assert_eq!(said.manifest, Digest(sha2::Sha256::digest(&salted).into()));
}

#[test]
fn the_same_manifest_is_not_known_by_its_hash() {
    let disk = SimDisk::new();
    let manifests = [1, 2].map(|last| {
        sealed(&disk, recording(last), b"facts");
        archive(&disk).verify(recording(last), None).unwrap().seals[0].statement().manifest
    });
    assert_ne!(manifests[0], manifests[1]);
}

#[test]
fn a_seal_of_another_install_is_not_taken_for_ours() {
    let disk = SimDisk::new();
    sealed(&disk, recording(1), b"facts");
    let folder = tempfile::tempdir().unwrap();
    let other = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
    let stranger = other.recorder().signing().public();
    let seal = &archive(&disk).verify(recording(1), None).unwrap().seals[0];
    let error = seal.verify(&[stranger]).unwrap_err().to_string();
    assert!(error.contains(&public().id().to_string()), "{error}");
}

/// Who alters a block and mends its checksum is found out, to within sixteen blocks.
#[test]
fn altered_blocks_with_a_right_checksum_are_named() {
    let disk = SimDisk::new();
    sealed(&disk, recording(1), b"facts");
    let (path, good) = bytes_of(&disk, recording(1));
    let media: Vec<usize> =
        frames(&good).into_iter().filter(|(_, kind)| *kind == 3).map(|(at, _)| at).collect();
    let (bad_block, mut bad) = (media[37], good.clone());
    bad[bad_block + 60] ^= 4;
    mend(&mut bad, bad_block);
    match put(&path, bad).verify(recording(1), None) {
        Err(ReadError::AlteredBlocks { offset, bytes, key: 0, .. }) => {
            assert_eq!(offset, media[32] as u64, "the leaf of blocks 32 to 47");
            assert!((offset..offset + bytes).contains(&(bad_block as u64)));
        }
        other => panic!("{other:?}"),
    }
}

/// Who writes all digests anew cannot sign them.
#[test]
fn a_whole_file_of_other_content_is_not_signed() {
    let (disk, forgers) = (SimDisk::new(), SimDisk::new());
    sealed(&disk, recording(1), b"facts");
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
    let mut store = vault::Store::open(
        Arc::new(forgers.clone()),
        Path::new("/"),
        &keys.recorder(),
        vault::Settings::default(),
    )
    .unwrap();
    let mut call = store.intake.begin(recording(1));
    let mut batch = FrameBatch::new();
    talk(&mut call, 1, 200, &mut batch);
    store.writer.append(batch).unwrap();
    store.writer.commit().unwrap();
    store.sealer.seal(&store.writer.take_unsettled(recording(1)), b"lies").unwrap();
    let forged = archive(&forgers).verify(recording(1), None).unwrap();
    assert!(forged.seals[0].verify(&[public()]).is_err());

    // Nor does the true seal fit the forged file.
    let seal_of = |bytes: &[u8]| {
        let at = frames(bytes).into_iter().find(|(_, kind)| *kind == 9).unwrap().0;
        bytes[at..bytes.len() - 60].to_vec()
    };
    let (_, good) = bytes_of(&disk, recording(1));
    let (path, mut mixed) = bytes_of(&forgers, recording(1));
    let (trailer, own) = (mixed[mixed.len() - 60..].to_vec(), seal_of(&mixed).len());
    mixed.truncate(mixed.len() - 60 - own);
    mixed.extend(seal_of(&good));
    mixed.extend(trailer);
    // With the digest made right again, too.
    let error = put(&path, with_digest(mixed)).verify(recording(1), None).unwrap_err().to_string();
    assert!(error.contains("seal is not of this file"), "{error}");
}

/// The file with the digest and the trailer that its bytes lead to.
fn with_digest(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let end = bytes.len() - 60;
    let catalogue = u64::from_le_bytes(bytes[end + 8..end + 16].try_into().unwrap());
    let tail = u64::from_le_bytes(bytes[end..end + 8].try_into().unwrap());
    // One minute: its two digests stand behind missing, count, key, base, offset, bytes, key bytes, numbers, frames.
    let at = usize::try_from(catalogue).unwrap() + 8 + 8 + 4 + 2 + 8 + 8 + 8 + 4 + 4 + 4 + 4;
    let link =
        Sha256::new().chain_update(Sha256::digest(&bytes[..28])).chain_update(&bytes[at..at + 64]).finalize();
    let tail = Sha256::digest(&bytes[usize::try_from(tail).unwrap()..end]);
    let digest = Sha256::new().chain_update(link).chain_update(tail).finalize();
    bytes[end + 16..end + 48].copy_from_slice(&digest);
    let crc = crc32c::crc32c(&bytes[end..end + 48]);
    bytes[end + 48..end + 52].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn a_file_without_a_seal_is_not_made_of_one_that_has_it() {
    let disk = SimDisk::new();
    sealed(&disk, recording(1), b"facts");
    let (path, mut bytes) = bytes_of(&disk, recording(1));
    let last = bytes.len() - 1;
    assert_eq!(bytes[last], 2, "the version");
    bytes[last] = 1;
    assert!(put(&path, bytes).verify(recording(1), None).is_err());
}

#[test]
fn a_redaction_is_signed_again_and_keeps_the_seal_it_takes_the_place_of() {
    let disk = SimDisk::new();
    sealed(&disk, recording(1), b"facts");
    let first = archive(&disk).verify(recording(1), None).unwrap().seals[0].clone();
    let mut store = open(&disk, 1 << 20);
    let mut packets = 0;
    let mut every_second = |_, _: &vault::PacketHead| {
        packets += 1;
        packets % 2 == 0
    };
    store.sealer.redact(recording(1), reading_key(), &mut every_second, |_| b"less".to_vec()).unwrap();
    let verified = archive(&disk).verify(recording(1), Some(reading_key())).unwrap();
    let [now, then] = &verified.seals[..] else { panic!("{:?}", verified.seals) };
    assert_eq!((then, now.statement().before), (&first, Some(first.hash())));
    assert_ne!(now.statement().root, then.statement().root);
    for seal in [now, then] {
        seal.verify(&[public()]).unwrap();
    }
}

#[test]
fn a_file_is_verified_wherever_it_lies() {
    use vault::Disk as _;
    let disk = SimDisk::new();
    let digest = sealed(&disk, recording(1), b"facts").digest;
    let (_, bytes) = bytes_of(&disk, recording(1));
    let path = Path::new("/elsewhere");
    disk.put(path, bytes);
    let file = disk.open(path, vault::disk::Access::Read).unwrap();
    let verified = vault::verify_file(file, path).unwrap();
    assert_eq!((verified.recording, verified.digest), (recording(1), digest));
}
