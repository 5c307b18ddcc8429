//! Bits in the order of FLAC: the highest first.

/// Bytes, filled bit by bit.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits that fill no byte yet, right-aligned.
    rest: u64,
    /// How many these are: less than 8 between two calls.
    count: u32,
}

impl Bits {
    /// Appends the low `count` bits of a value, at most 32.
    pub(super) fn push(&mut self, value: u32, count: u32) {
        let mask = (1_u64 << count) - 1;
        self.rest = (self.rest << count) | (u64::from(value) & mask);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push(low_byte(self.rest >> self.count));
        }
        self.rest &= (1 << self.count) - 1;
    }

    /// A sample, as two's complement.
    pub(super) fn sample(&mut self, sample: i16) {
        self.push(u32::from(sample.cast_unsigned()), 16);
    }

    /// So many zeros and a one.
    pub(super) fn unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.push(0, 32);
            zeros -= 32;
        }
        self.push(1, zeros + 1);
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        if self.count > 0 {
            self.push(0, 8 - self.count);
        }
    }

    /// The whole bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The low byte of a number.
fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The checksum of a frame's head: polynomial x^8 + x^2 + x + 1.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 })
    })
}

/// The checksum of a whole frame: polynomial x^16 + x^15 + x^2 + 1.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
            let mut crc = (at as u16) << 8;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x8005 };
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc: u16, byte| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ TABLE[usize::from(high ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_out_in_the_order_they_went_in() {
        let mut bits = Bits::default();
        bits.push(0b101, 3);
        bits.unary(4);
        bits.sample(-2);
        bits.align();
        assert_eq!(bits.bytes(), [0b1010_0001, 0xff, 0xfe]);
        let mut bits = Bits::default();
        bits.unary(70);
        bits.align();
        assert_eq!(bits.bytes(), [0, 0, 0, 0, 0, 0, 0, 0, 0b10]);
    }

    #[test]
    fn checksums_are_those_of_the_tables() {
        // The check values of CRC-8/SMBUS and CRC-16/UMTS.
        assert_eq!((crc8(b"123456789"), crc16(b"123456789")), (0xf4, 0xfee8));
    }
}
