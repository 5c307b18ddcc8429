//! One band of G.722: the quantiser, its scale, and the predictor, which adapt to the codes alone and so run alike in
//! the encoder and the decoder. Arithmetic is that of the Recommendation: words of 16 bits that saturate.

use super::sample;

/// What differs between the bands.
#[derive(Debug)]
pub(super) struct Kind {
    /// Scale at the beginning.
    scale: i32,
    /// Largest logarithm of the scale.
    highest_log: i32,
    /// Right shift that makes a scale of its logarithm.
    shift: i32,
}

/// Lower band, 0 to 4 kHz: six bits, of which the first four adapt.
pub(super) static LOWER: Kind = Kind { scale: 32, highest_log: 18_432, shift: 8 };

/// Higher band, 4 to 8 kHz: two bits.
pub(super) static HIGHER: Kind = Kind { scale: 8, highest_log: 22_528, shift: 10 };

/// Powers of two in steps of 1/32 (ILB).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Steps of the scale's logarithm, by the first four bits of a lower code (WL by way of RL42).
const LOWER_STEPS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// The same by a higher code (WH by way of RH2).
const HIGHER_STEPS: [i32; 4] = [798, -214, 798, -214];

/// Differences of the higher codes (QM2).
const HIGHER_LEVELS: [i32; 4] = [-7408, -1616, 7408, 1616];

/// Differences of the first four bits of the lower codes (QM4).
const COARSE_LEVELS: [i32; 16] =
    [0, -20_456, -12_896, -8968, -6288, -4240, -2584, -1200, 20_456, 12_896, 8968, 6288, 4240, 2584, 1200, 0];

/// Differences of the lower codes (QM6). The first four are never sent: they would be zeros on the line.
const LEVELS: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032,
    -1688, -1360, -1040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9360,
    8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040,
    728, 432, 136, -432, -136,
];

/// Where one interval of the lower band ends and the next begins (Q6).
const BOUNDS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// The same in the higher band (Q2).
const HIGHER_BOUND: i32 = 564;

/// Limit of a reconstructed band: 15 bits.
const LIMIT: std::ops::RangeInclusive<i32> = -16_384..=16_383;

/// One band of an encoder or decoder.
#[derive(Debug, Clone)]
pub(super) struct Band {
    kind: &'static Kind,
    /// Logarithm of the scale (NBL, NBH).
    log: i32,
    /// The scale (DETL, DETH).
    scale: i32,
    /// What is expected next (SL, SH).
    expected: i32,
    /// The part of it that comes from the zeros (SZL, SZH).
    from_zeros: i32,
    /// Reconstructed values, newest first (RLT).
    values: [i32; 2],
    /// Signs of the partly reconstructed values before (PLT): whether each was negative.
    negative: [bool; 2],
    /// Coefficients of the poles (AL).
    poles: [i32; 2],
    /// Differences, newest first (DLT).
    differences: [i32; 6],
    /// Coefficients of the zeros (BL).
    zeros: [i32; 6],
}

impl Band {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            log: 0,
            scale: kind.scale,
            expected: 0,
            from_zeros: 0,
            values: [0; 2],
            negative: [false; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
        }
    }

    /// The value of a lower code of six bits.
    pub(super) fn decode_lower(&mut self, code: u8) -> i32 {
        let fine = (self.scale * LEVELS[usize::from(code & 0x3f)]) >> 15;
        let value = (self.expected + fine).clamp(*LIMIT.start(), *LIMIT.end());
        self.adapt_lower(code);
        value
    }

    /// The value of a higher code of two bits.
    pub(super) fn decode_higher(&mut self, code: u8) -> i32 {
        let difference = (self.scale * HIGHER_LEVELS[usize::from(code & 3)]) >> 15;
        let value = (self.expected + difference).clamp(*LIMIT.start(), *LIMIT.end());
        self.adapt_higher(code);
        value
    }

    /// The lower code of a value (QUANTL).
    pub(super) fn encode_lower(&mut self, value: i32) -> u8 {
        let (negative, distance) = self.distance(value);
        let interval = BOUNDS.iter().take_while(|bound| distance >= (*bound * self.scale) >> 12).count();
        let interval = u8::try_from(interval).unwrap_or(29);
        // Small negative differences have the last two codes, for the first four are never sent (ILN, ILP).
        let code = match (negative, interval) {
            (true, 0 | 1) => 63 - interval,
            (true, _) => 33 - interval,
            (false, _) => 61 - interval,
        };
        self.adapt_lower(code);
        code
    }

    /// The higher code of a value (QUANTH).
    pub(super) fn encode_higher(&mut self, value: i32) -> u8 {
        let (negative, distance) = self.distance(value);
        let far = distance >= (HIGHER_BOUND * self.scale) >> 12;
        let code = if negative { 0 } else { 2 } + u8::from(!far);
        self.adapt_higher(code);
        code
    }

    /// Whether a value is below what was expected, and by how much it differs (SUBTRA).
    fn distance(&self, value: i32) -> (bool, i32) {
        let difference = saturated(value - self.expected);
        (difference < 0, if difference < 0 { !difference } else { difference })
    }

    fn adapt_lower(&mut self, code: u8) {
        let coarse = usize::from(code >> 2 & 0x0f);
        let difference = (self.scale * COARSE_LEVELS[coarse]) >> 15;
        self.rescale(LOWER_STEPS[coarse]);
        self.learn(difference);
    }

    fn adapt_higher(&mut self, code: u8) {
        let code = usize::from(code & 3);
        let difference = (self.scale * HIGHER_LEVELS[code]) >> 15;
        self.rescale(HIGHER_STEPS[code]);
        self.learn(difference);
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn rescale(&mut self, step: i32) {
        self.log = (((self.log * 127) >> 7) + step).clamp(0, self.kind.highest_log);
        let power = POWERS.get(usize::try_from(self.log >> 6 & 31).unwrap_or(0)).copied().unwrap_or(2048);
        let shift = self.kind.shift - (self.log >> 11);
        self.scale = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    /// The predictor learns the next difference and expects the next value.
    fn learn(&mut self, difference: i32) {
        let difference = saturated(difference);
        // RECONS, PARREC.
        let value = saturated(self.expected + difference);
        let negative = saturated(self.from_zeros + difference) < 0;
        self.move_poles(negative);
        self.move_zeros(difference);
        // DELAYA.
        self.negative = [negative, self.negative[0]];
        self.values = [value, self.values[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        // FILTEP, FILTEZ, PREDIC.
        let part = |coefficient: i32, value: i32| (coefficient * saturated(value + value)) >> 15;
        let from_poles = saturated(part(self.poles[0], self.values[0]) + part(self.poles[1], self.values[1]));
        let zeros = self.zeros.iter().zip(&self.differences);
        self.from_zeros =
            saturated(zeros.map(|(coefficient, difference)| part(*coefficient, *difference)).sum());
        self.expected = saturated(from_poles + self.from_zeros);
    }

    /// UPPOL2, UPPOL1: towards the sign the last values had in common, and always a little towards zero.
    fn move_poles(&mut self, negative: bool) {
        let [first, second] = self.poles;
        let alike = self.negative.map(|before| before == negative);
        let four_times = saturated(first << 2);
        let turn = if alike[0] { (-four_times).min(32_767) } else { four_times };
        let step = if alike[1] { 128 } else { -128 };
        let second = (step + (turn >> 7) + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if alike[0] { 192 } else { -192 };
        let limit = 15_360 - second;
        let first = saturated(step + ((first * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn move_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let step = if (*before < 0) == (difference < 0) { step } else { -step };
            *zero = saturated(step + ((*zero * 32_640) >> 15));
        }
    }
}

/// A word of 16 bits, cut where it does not fit.
fn saturated(value: i32) -> i32 {
    sample(value).into()
}
