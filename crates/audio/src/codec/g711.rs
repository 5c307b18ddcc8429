//! G.711: eight bits a sample, mu-law (PCMU) and A-law (PCMA). ITU-T G.711, RFC 3551 §4.5.14.
//!
//! Both laws are a tiny floating-point format: sign, three bits of exponent (the segment), four bits of mantissa. A
//! code stands for the middle of its interval. Decoding reads a table of 256 entries built at compile time.

/// Added to a magnitude before mu-law coding so that every segment begins at a power of two.
const MU_BIAS: i32 = 132;
/// Largest magnitude mu-law can code after the bias.
const MU_CLIP: i32 = 32_767 - MU_BIAS;

static PCMU: [i16; 256] = table(true);
static PCMA: [i16; 256] = table(false);

/// The sample a mu-law byte stands for.
#[inline]
#[must_use]
pub fn pcmu_to_linear(code: u8) -> i16 {
    PCMU[usize::from(code)]
}

/// The sample an A-law byte stands for.
#[inline]
#[must_use]
pub fn pcma_to_linear(code: u8) -> i16 {
    PCMA[usize::from(code)]
}

/// The mu-law byte in whose interval a sample lies.
#[must_use]
pub fn linear_to_pcmu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // The highest set bit is 7 to 14.
    let segment = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | low_byte(segment << 4) | low_byte(mantissa.unsigned_abs()))
}

/// The A-law byte in whose interval a sample lies.
#[must_use]
pub fn linear_to_pcma(sample: i16) -> u8 {
    // A-law has 13 bits; the sign is taken by complement so that -1 falls into the first negative interval.
    let (sign, magnitude) =
        if sample < 0 { (0, !i32::from(sample) >> 4) } else { (0x80, i32::from(sample) >> 4) };
    let segment = 28_u32.saturating_sub(magnitude.leading_zeros());
    let mantissa = if segment == 0 { magnitude } else { magnitude >> (segment - 1) } & 0x0f;
    (sign | low_byte(segment << 4) | low_byte(mantissa.unsigned_abs())) ^ 0x55
}

fn low_byte(word: u32) -> u8 {
    u8::try_from(word & 0xff).unwrap_or(u8::MAX)
}

const fn table(mu_law: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code as usize] = if mu_law { expand_mu(code) } else { expand_a(code) };
        code += 1;
    }
    table
}

#[expect(clippy::cast_possible_truncation, reason = "the largest magnitude is 32,124")]
const fn expand_mu(code: i32) -> i16 {
    let bits = !code & 0xff;
    let magnitude = ((((bits & 0x0f) << 3) + MU_BIAS) << ((bits >> 4) & 7)) - MU_BIAS;
    if bits & 0x80 != 0 { -magnitude as i16 } else { magnitude as i16 }
}

#[expect(clippy::cast_possible_truncation, reason = "the largest magnitude is 32,256")]
const fn expand_a(code: i32) -> i16 {
    let bits = code ^ 0x55;
    let segment = (bits >> 4) & 7;
    let middle = ((bits & 0x0f) << 4) + 8;
    let magnitude = if segment == 0 { middle } else { (middle + 0x100) << (segment - 1) };
    if bits & 0x80 != 0 { magnitude as i16 } else { -magnitude as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_recommendation_come_out() {
        for (code, sample) in [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xf0, 120), (0xfe, 8)]
        {
            assert_eq!(pcmu_to_linear(code), sample, "mu-law {code:#x}");
        }
        for (code, sample) in [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xc5, 264)] {
            assert_eq!(pcma_to_linear(code), sample, "A-law {code:#x}");
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255 {
            assert_eq!(linear_to_pcma(pcma_to_linear(code)), code);
            // Mu-law has two zeros; the positive one is printed.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(linear_to_pcmu(pcmu_to_linear(code)), expected);
        }
    }

    #[test]
    fn every_sample_is_coded_within_half_a_step() {
        for sample in -32_635..=32_635_i16 {
            let mu = linear_to_pcmu(sample);
            let half_step = 4_u16 << ((!mu >> 4) & 7);
            assert!(pcmu_to_linear(mu).abs_diff(sample) <= half_step, "mu-law {sample}");
            let a = linear_to_pcma(sample);
            let half_step = 8_u16 << ((a ^ 0x55) >> 4 & 7).saturating_sub(1);
            assert!(pcma_to_linear(a).abs_diff(sample) <= half_step, "A-law {sample}");
        }
        for loud in [32_636, i16::MAX] {
            assert_eq!((linear_to_pcmu(loud), linear_to_pcmu(-loud)), (0x80, 0x00));
            assert_eq!((linear_to_pcma(loud), linear_to_pcma(-loud)), (0xaa, 0x2a));
        }
        assert_eq!((linear_to_pcmu(i16::MIN), linear_to_pcma(i16::MIN)), (0x00, 0x2a));
    }
}
