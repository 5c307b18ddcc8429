//! Whether a zip says one thing only: each name once, one file right behind the other, nothing before, between or behind them.
//!
//! A zip has names in two places, and programs differ in which they believe: with two files of one name, or a file that only
//! one of the places knows, some would be given another one than was verified. What the recorder makes has none of that.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The longest list of names that is read: more files than leave at once.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// What may stand behind a file whose length was not known before: four numbers at most.
const DESCRIPTOR_BYTES: u64 = 24;

/// The flag that says so.
const HAS_DESCRIPTOR: u16 = 1 << 3;

/// What programs add to a file of a zip and does not say what it is called or where it is: lengths of 64 bits, times (NTFS, Unix),
/// owners, encryption. Others do: another name for it (0x7075), or that it is a link (0x756e).
const HARMLESS_EXTRAS: [u16; 7] = [0x0001, 0x000a, 0x5455, 0x5855, 0x7855, 0x7875, 0x9901];

/// The end of a zip without a comment.
const END_BYTES: u64 = 22;

/// What leads from there to the end of a large one.
const LOCATOR_BYTES: u64 = 20;

/// A file as the list at the end has it.
struct Listed {
    name: Vec<u8>,
    from: u64,
    bytes: u64,
    has_descriptor: bool,
    /// Its flags and how it is packed, as they stand in a zip.
    how: Vec<u8>,
}

/// Where the list is.
struct Place {
    from: u64,
    until: u64,
    count: u64,
}

/// Looks at the layout.
///
/// # Errors
/// What is not as in a zip of the recorder's.
pub(super) fn check(file: &File) -> Result<(), String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let place = place_of_list(file, length).ok_or("there is something behind its end, or no end")?;
    let mut listed = read_list(file, &place)
        .ok_or("its list of files is not whole, or says more of them than it should")?;
    let mut names = HashSet::new();
    for Listed { name, .. } in &listed {
        if name.ends_with(b"/") {
            return Err(format!("it has a folder of its own, {}", String::from_utf8_lossy(name)));
        }
        if !names.insert(name.as_slice()) {
            return Err(format!("it has two files named {}", String::from_utf8_lossy(name)));
        }
    }
    listed.sort_by_key(|listed| listed.from);
    let (mut end, mut slack) = (0, 0);
    for it in &listed {
        let shown = String::from_utf8_lossy(&it.name);
        if !(end..=end + slack).contains(&it.from) {
            return Err(format!("something that is on no list stands in it before {shown}"));
        }
        let start =
            data_start(file, it).ok_or_else(|| format!("it names {shown} otherwise in another place"))?;
        end = start.saturating_add(it.bytes);
        slack = if it.has_descriptor { DESCRIPTOR_BYTES } else { 0 };
    }
    if (end..=end + slack).contains(&place.from) {
        Ok(())
    } else {
        Err("something that is on no list stands in it behind the last file".to_owned())
    }
}

fn place_of_list(file: &File, length: u64) -> Option<Place> {
    let at = length.checked_sub(END_BYTES)?;
    let end = bytes(file, at, END_BYTES)?;
    if !end.starts_with(b"PK\x05\x06") || short(&end, 20)? != 0 {
        return None;
    }
    let large = at.checked_sub(LOCATOR_BYTES).and_then(|at| Some((at, bytes(file, at, LOCATOR_BYTES)?)));
    let (until, count, size, from) = match large.filter(|(_, locator)| locator.starts_with(b"PK\x06\x07")) {
        None => (at, short(&end, 10)?.into(), word(&end, 12)?.into(), word(&end, 16)?.into()),
        Some((locator_at, locator)) => {
            let at = long(&locator, 8)?;
            let record = bytes(file, at, 56)?;
            let is_right = record.starts_with(b"PK\x06\x06")
                && long(&record, 4)?.checked_add(12)?.checked_add(at)? == locator_at;
            is_right.then_some((at, long(&record, 32)?, long(&record, 40)?, long(&record, 48)?))?
        }
    };
    (size <= MAX_LIST_BYTES && from.checked_add(size)? == until).then_some(Place { from, until, count })
}

fn read_list(file: &File, place: &Place) -> Option<Vec<Listed>> {
    let list = bytes(file, place.from, place.until - place.from)?;
    let (mut rest, mut listed) = (list.as_slice(), Vec::new());
    while !rest.is_empty() {
        if !rest.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (name, extra, comment) = (short(rest, 28)?, short(rest, 30)?, short(rest, 32)?);
        let (name, extra, comment) = (usize::from(name), usize::from(extra), usize::from(comment));
        let extras = rest.get(46 + name..46 + name + extra).filter(|extras| is_harmless(extras))?;
        let mut large = large_numbers(extras);
        let mut number = |at: usize| match word(rest, at)? {
            u32::MAX => large.next(),
            small => Some(u64::from(small)),
        };
        // In the order in which they stand among the large ones.
        let (_unpacked, packed) = (number(24)?, number(20)?);
        listed.push(Listed {
            name: rest.get(46..46 + name)?.to_vec(),
            from: number(42)?,
            bytes: packed,
            has_descriptor: short(rest, 8)? & HAS_DESCRIPTOR != 0,
            how: rest.get(8..12)?.to_vec(),
        });
        rest = rest.get(46 + name + extra + comment..)?;
    }
    (listed.len() as u64 == place.count).then_some(listed)
}

/// The numbers of 64 bits in a record's extra fields.
fn large_numbers(mut extras: &[u8]) -> impl Iterator<Item = u64> {
    let mut found = Vec::new();
    while let (Some(kind), Some(size)) = (short(extras, 0), short(extras, 2)) {
        let body = extras.get(4..4 + usize::from(size)).unwrap_or_default();
        if kind == 1 {
            found = body.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        }
        extras = extras.get(4 + usize::from(size)..).unwrap_or_default();
    }
    found.into_iter()
}

/// Whether extra fields say nothing of what a file is.
fn is_harmless(mut extras: &[u8]) -> bool {
    while let Some((kind, size)) = short(extras, 0).zip(short(extras, 2)) {
        match extras.get(4 + usize::from(size)..).filter(|_| HARMLESS_EXTRAS.contains(&kind)) {
            Some(rest) => extras = rest,
            None => return false,
        }
    }
    extras.is_empty()
}

/// Where the bytes of a file begin, if what stands before them names it as the list does.
fn data_start(file: &File, listed: &Listed) -> Option<u64> {
    let head = bytes(file, listed.from, 30)?;
    let (name, extra) = (u64::from(short(&head, 26)?), u64::from(short(&head, 28)?));
    let is_it = head.starts_with(b"PK\x03\x04")
        && head.get(6..10)? == listed.how
        && bytes(file, listed.from + 30, name)? == listed.name
        && is_harmless(&bytes(file, listed.from + 30 + name, extra)?);
    is_it.then_some(listed.from + 30 + name + extra)
}

fn bytes(file: &File, at: u64, count: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(count).ok()?];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zip_of(files: &[(&str, &[u8])], large: bool) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
        for (name, bytes) in files {
            writer.start_file(*name, options).expect("a name");
            writer.write_all(bytes).expect("memory");
        }
        writer.finish().expect("memory").into_inner()
    }

    fn checked(bytes: &[u8]) -> Result<(), String> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("there is room");
        check(&file)
    }

    #[test]
    fn what_a_zip_says_once_and_in_one_order_is_right() {
        for large in [false, true] {
            assert_eq!(checked(&zip_of(&[("a", b"one"), ("b/c", b""), ("d", &[7; 3_000])], large)), Ok(()));
        }
        assert_eq!(checked(&zip_of(&[], false)), Ok(()));
    }

    #[test]
    fn files_before_between_and_behind_and_a_name_that_is_there_twice_are_found() {
        let good = zip_of(&[("a", b"one"), ("b", b"two")], false);
        let before = [&zip_of(&[("a", b"forged")], false)[..30 + 1 + 6], &good].concat();
        assert!(checked(&before).is_err());
        assert!(checked(&[&good[..], b"PK"].concat()).unwrap_err().contains("behind its end"));
        // The list of one zip behind the files of two.
        let list = good.windows(4).position(|four| four == b"PK\x01\x02").expect("it has a list");
        let hidden = [&good[..list], &good[..34], &good[list..]].concat();
        let mut moved = hidden.clone();
        let end = moved.len() - 6;
        moved[end..end + 4].copy_from_slice(&u32::try_from(list + 34).expect("small").to_le_bytes());
        assert!(checked(&moved).unwrap_err().contains("behind the last file"), "{:?}", checked(&moved));
        // Two files, and then one of them is given the other's name in both places.
        let mut twice = good.clone();
        for at in 0..twice.len() - 1 {
            if twice[at] == b'b' && twice[at - 1] == 0 {
                twice[at] = b'a';
            }
        }
        assert_eq!(checked(&twice), Err("it has two files named a".to_owned()));
        // The names before the files and those of the list differ.
        let mut otherwise = good;
        otherwise[30] = b'x';
        assert!(checked(&otherwise).unwrap_err().contains("otherwise in another place"));
    }

    #[test]
    fn a_file_that_is_given_another_name_beside_its_own_is_found() {
        let named = |local: &[u8]| {
            let good = zip_of(&[("a", b"one")], false);
            let mut zip = [&good[..31], local, &good[31..]].concat();
            zip[28] = u8::try_from(local.len()).expect("short");
            let at = zip.len() - 6;
            let list = u32::from_le_bytes(*zip[at..].first_chunk().expect("four")) + u32::from(zip[28]);
            zip[at..at + 4].copy_from_slice(&list.to_le_bytes());
            checked(&zip)
        };
        assert_eq!(named(b"UT\x05\0\x01\0\0\0\0"), Ok(()), "a time is harmless");
        for other in [&b"up\x06\0\x01\0\0\0\0x"[..], b"un\x01\0x", b"UT\xff\0", b"UT"] {
            assert!(named(other).is_err_and(|why| why.contains("otherwise in another place")), "{other:?}");
        }
        let mut flagged = zip_of(&[("a", b"one")], false);
        flagged[7] ^= 1 << 3;
        assert!(checked(&flagged).is_err(), "its name is in another alphabet");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), is_end: bool) {
            if is_end {
                bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\x01\0\0\0\0\0");
            }
            let _ = checked(&bytes);
        }

        #[test]
        fn no_flipped_byte_of_a_zip_makes_it_fail_otherwise(at in 0_usize..400, to: u8) {
            let mut zip = zip_of(&[("a", b"one"), ("b/c", b"two"), ("d", &[7; 90])], true);
            let length = zip.len();
            zip[at % length] = to;
            let _ = checked(&zip);
        }
    }
}
