//! The Merkle tree over a recording's blocks (C8-02), as RFC 9162 section 2.1.1 has it, with SHA-256.
//!
//! ```text
//! leaf  = SHA-256( 0 | up to 16 media frames of one minute, one after the other )
//! node  = SHA-256( 1 | left | right )          the left half is the largest power of two below the whole
//! ```
//! Sixteen frames are some 0.7 s of a call of two legs: an alteration is located to that, and the leaves of an hour take
//! less than 200 kB.

use sha2::{Digest as _, Sha256};

/// Media frames to a leaf.
pub(crate) const FRAMES_PER_LEAF: u32 = 16;

/// A leaf in the making.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    hasher: Sha256,
    pub(crate) place: LeafPlace,
}

/// Which frames are under a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafPlace {
    /// Of the first frame, counted from the beginning of the file.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) frames: u32,
    pub(crate) first_number: u32,
    pub(crate) last_number: u32,
}

impl Leaf {
    /// A leaf that begins with the frame of this number, at `offset`.
    pub(crate) fn begin(offset: u64, number: u32) -> Self {
        let place = LeafPlace { offset, bytes: 0, frames: 0, first_number: number, last_number: number };
        Self { hasher: Sha256::new_with_prefix([0]), place }
    }

    pub(crate) fn add(&mut self, number: u32, frame: &[u8]) {
        self.hasher.update(frame);
        self.place.bytes += frame.len() as u64;
        self.place.frames += 1;
        self.place.last_number = number;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.place.frames >= FRAMES_PER_LEAF
    }

    pub(crate) fn end(self) -> [u8; 32] {
        self.hasher.finalize().into()
    }
}

/// The root over some leaves.
pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            let node = Sha256::new_with_prefix([1]).chain_update(root(left)).chain_update(root(right));
            node.finalize().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn bytes(digits: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::read(digits.as_bytes(), &mut bytes).unwrap();
        bytes
    }

    fn leaf(data: &[u8]) -> [u8; 32] {
        let mut leaf = Leaf::begin(0, 0);
        leaf.add(0, data);
        leaf.end()
    }

    /// The inputs and roots that implementations of Certificate Transparency test with.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves: Vec<_> = inputs.iter().map(|input| leaf(input)).collect();
        for (count, expected) in roots.iter().enumerate() {
            assert_eq!(root(&leaves[..count]), bytes(expected), "of {count} leaves");
        }
    }
}
