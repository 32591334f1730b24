//! JPEG-LS of 8-bit samples, lossless and near-lossless.
//!
//! Facts: ITU-T T.87 (ISO/IEC 14495-1), annexes A (decoding), B (sample interleave) and C (markers, default parameters).
//! Read: one or three components, each interleave mode, preset parameters.
//! Known gaps: more than 8 bits, mapping tables, restart intervals, Hewlett-Packard's colour transforms, subsampled components.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "samples have 8 bits and counters are halved at RESET, so that no sum leaves 32 bits; shifts are bounded by LIMIT"
)]

use pantrk_space::LevelSize;

use super::CodecError;

const NAME: &str = "JPEG-LS";

/// Lengths of run segments as powers of two (T.87, table A.1).
const J: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];
/// Regular contexts after merging signs.
const REGULAR: usize = 365;

fn broken(what: impl Into<String>) -> CodecError {
    CodecError::Broken {
        codec: NAME,
        what: what.into(),
    }
}

/// What the frame header says.
struct Frame {
    size: LevelSize,
    components: usize,
}

/// Thresholds and bounds of a scan.
#[derive(Clone, Copy)]
struct Parameters {
    max: i32,
    near: i32,
    t: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
}

impl Parameters {
    fn new(preset: [i32; 5], near: i32) -> Result<Self, CodecError> {
        let [max, t1, t2, t3, reset] = preset;
        let max = if max == 0 { 255 } else { max };
        if !(1..=255).contains(&max) || !(0..=max / 2).contains(&near) {
            return Err(CodecError::Unsupported(format!(
                "a JPEG-LS picture with a largest sample of {max} and an allowed error of {near}"
            )));
        }
        let defaults = default_thresholds(max, near);
        let or = |given: i32, default: i32| if given == 0 { default } else { given };
        let [d1, d2, d3] = defaults;
        let t = [or(t1, d1), or(t2, d2), or(t3, d3)];
        let [a, b, c] = t;
        if !(near < a && a <= b && b <= c && c <= max) {
            return Err(broken(format!("thresholds {a}, {b}, {c}")));
        }
        let reset = or(reset, 64);
        if !(3..=255.max(max)).contains(&reset) {
            return Err(broken(format!("a reset value of {reset}")));
        }
        let range = (max + 2 * near) / (2 * near + 1) + 1;
        let bits = |n: i32| 32 - (n - 1).leading_zeros();
        let bpp = bits(max + 1).max(2);
        Ok(Self {
            max,
            near,
            t,
            reset,
            range,
            qbpp: bits(range),
            limit: 2 * (bpp + bpp.max(8)),
        })
    }

    fn quantized(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.t;
        let size = gradient.abs();
        let step = match () {
            () if size >= t3 => 4,
            () if size >= t2 => 3,
            () if size >= t1 => 2,
            () if size > self.near => 1,
            () => 0,
        };
        step * gradient.signum()
    }

    /// The sample out of its prediction and error, wrapped and held in range.
    fn reconstructed(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = prediction + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.max + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.max)
    }
}

/// T.87, C.2.4.1.1.1.
fn default_thresholds(max: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| {
        if value > max || value < least {
            least
        } else {
            value
        }
    };
    if max >= 128 {
        let factor = (max.min(4095) + 128) / 256;
        let t1 = clamp(factor + 2 + 3 * near, near + 1);
        let t2 = clamp(factor * 4 + 3 + 5 * near, t1);
        [t1, t2, clamp(factor * 17 + 4 + 7 * near, t2)]
    } else {
        let factor = 256 / (max + 1);
        let t1 = clamp((3 / factor + 3 * near).max(2), near + 1);
        let t2 = clamp((7 / factor + 5 * near).max(3), t1);
        [t1, t2, clamp((21 / factor + 7 * near).max(4), t2)]
    }
}

/// Bits of a scan; after a byte of ones comes a byte of seven bits.
struct Bits<'a> {
    input: &'a [u8],
    /// The next bits, from the top.
    window: u64,
    filled: u32,
    after_ones: bool,
    /// Bits that were asked for after the end.
    missing: u32,
}

impl<'a> Bits<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            window: 0,
            filled: 0,
            after_ones: false,
            missing: 0,
        }
    }

    fn fill(&mut self) {
        while self.filled <= 48 {
            let byte = match self.input.split_first() {
                // A marker ends the scan.
                Some((&byte, _)) if self.after_ones && byte >= 0x80 => None,
                Some((&byte, rest)) => {
                    self.input = rest;
                    Some(byte)
                }
                None => None,
            };
            let Some(byte) = byte else {
                // Zeros; how many of them are used is counted where they are taken.
                self.missing += 8;
                self.filled += 8;
                continue;
            };
            let width = if self.after_ones { 7 } else { 8 };
            self.window |= u64::from(byte) << (64 - self.filled - width);
            self.filled += width;
            self.after_ones = byte == 0xff;
        }
    }

    fn take(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        if self.filled < count {
            self.fill();
        }
        let value = self.window >> (64 - count);
        self.window <<= count;
        self.filled -= count;
        i32::try_from(value).unwrap_or(0)
    }

    /// Zeros before the next one, which is taken too; `most` zeros are an error of the stream.
    fn zeros(&mut self, most: u32) -> Result<u32, CodecError> {
        let mut count = 0;
        loop {
            if self.filled < 32 {
                self.fill();
            }
            let run = self.window.leading_zeros().min(self.filled);
            count += run;
            if count > most {
                return Err(broken("a code longer than its limit"));
            }
            if run < self.filled {
                self.window <<= run;
                self.window <<= 1;
                self.filled -= run + 1;
                return Ok(count);
            }
            self.window = 0;
            self.filled = 0;
        }
    }

    /// Golomb code of parameter `k` with an escape (T.87, A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32) -> Result<i32, CodecError> {
        let escape = limit.saturating_sub(qbpp + 1);
        let zeros = self.zeros(escape)?;
        if zeros < escape {
            let high = i32::try_from(zeros).unwrap_or(0) << k;
            Ok(high + self.take(k))
        } else {
            Ok(self.take(qbpp) + 1)
        }
    }

    /// Whether bits were used that the stream does not have.
    fn is_overrun(&self) -> bool {
        self.missing > self.filled
    }
}

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

#[derive(Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    negative: i32,
}

/// The state of one scan.
struct Scan<'a> {
    p: Parameters,
    bits: Bits<'a>,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
}

/// The neighbours of a sample: left, above, above left, above right.
#[derive(Clone, Copy)]
struct Near {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl<'a> Scan<'a> {
    fn new(p: Parameters, input: &'a [u8]) -> Self {
        let a = ((p.range + 32) / 64).max(2);
        Self {
            p,
            bits: Bits::new(input),
            contexts: vec![
                Context {
                    a,
                    b: 0,
                    c: 0,
                    n: 1,
                };
                REGULAR
            ],
            runs: [RunContext {
                a,
                n: 1,
                negative: 0,
            }; 2],
        }
    }

    fn gradients(&self, near: Near) -> i32 {
        let q1 = self.p.quantized(near.d - near.b);
        let q2 = self.p.quantized(near.b - near.c);
        let q3 = self.p.quantized(near.c - near.a);
        81 * q1 + 9 * q2 + q3
    }

    fn regular(&mut self, near: Near, id: i32) -> Result<i32, CodecError> {
        // Context 0 is met only where other components of the pixel are not flat.
        let sign = if id < 0 { -1 } else { 1 };
        let index = usize::try_from(id.abs()).unwrap_or(0);
        let p = self.p;
        let Some(context) = self.contexts.get_mut(index) else {
            return Err(broken("a context that there is not"));
        };
        let (low, high) = (near.a.min(near.b), near.a.max(near.b));
        let edge = match () {
            () if near.c >= high => low,
            () if near.c <= low => high,
            () => near.a + near.b - near.c,
        };
        let prediction = (edge + sign * context.c).clamp(0, p.max);
        let mut k = 0;
        while context.n << k < context.a {
            k += 1;
        }
        let mapped = self.bits.golomb(k, p.limit, p.qbpp)?;
        let flipped = p.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let is_odd = mapped & 1 == 1;
        let error = if flipped == is_odd {
            mapped / 2
        } else {
            -(mapped / 2) - 1
        };
        context.a += error.abs();
        context.b += error * (2 * p.near + 1);
        if context.n == p.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        Ok(p.reconstructed(prediction, sign * error))
    }

    /// How many samples of a run there are, at most `left` (T.87, A.7.1).
    fn run_length(&mut self, left: usize, run_index: &mut usize) -> usize {
        let mut length = 0_usize;
        while self.bits.take(1) == 1 {
            let part = 1_usize << self.exponent(*run_index);
            let taken = part.min(left - length);
            length += taken;
            if taken == part && *run_index < 31 {
                *run_index += 1;
            }
            if length == left {
                return length;
            }
        }
        let rest = usize::try_from(self.bits.take(self.exponent(*run_index))).unwrap_or(0);
        (length + rest).min(left)
    }

    #[expect(clippy::unused_self, reason = "reads like the other steps of a run")]
    fn exponent(&self, run_index: usize) -> u32 {
        J.get(run_index).copied().unwrap_or(15)
    }

    /// The sample that ends a run (T.87, A.7.2); `alike` where its two neighbours are the same.
    fn interruption(
        &mut self,
        (a, b): (i32, i32),
        alike: bool,
        run_index: usize,
    ) -> Result<i32, CodecError> {
        let p = self.p;
        let kind = i32::from(alike);
        let limit = p.limit - self.exponent(run_index) - 1;
        let [unlike_context, like_context] = &mut self.runs;
        let context = if alike { like_context } else { unlike_context };
        let scaled = context.a + if alike { context.n >> 1 } else { 0 };
        let mut k = 0;
        while context.n << k < scaled {
            k += 1;
        }
        let mapped = self.bits.golomb(k, limit, p.qbpp)?;
        let value = mapped + kind;
        let is_odd = value & 1 == 1;
        let size = (value + 1) / 2;
        let error = if (k != 0 || 2 * context.negative >= context.n) == is_odd {
            -size
        } else {
            size
        };
        if error < 0 {
            context.negative += 1;
        }
        context.a += (mapped + 1 - kind) >> 1;
        if context.n == p.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.negative >>= 1;
        }
        context.n += 1;
        let (prediction, sign) = match (alike, a > b) {
            (true, _) => (a, 1),
            (false, true) => (b, -1),
            (false, false) => (b, 1),
        };
        Ok(p.reconstructed(prediction, sign * error))
    }
}

/// Rows of `width + 2` samples: one before the first and one after the last.
struct Lines {
    above: Vec<i32>,
    now: Vec<i32>,
}

impl Lines {
    fn new(width: usize) -> Self {
        Self {
            above: vec![0; width + 2],
            now: vec![0; width + 2],
        }
    }

    fn begin(&mut self, width: usize) {
        if let Some(&last) = self.above.get(width)
            && let Some(beyond) = self.above.get_mut(width + 1)
        {
            *beyond = last;
        }
        if let (Some(first), Some(&above)) = (self.now.first_mut(), self.above.get(1)) {
            *first = above;
        }
    }

    fn near(&self, x: usize) -> Near {
        let at = |line: &[i32], x: usize| line.get(x).copied().unwrap_or(0);
        Near {
            a: at(&self.now, x.wrapping_sub(1)),
            b: at(&self.above, x),
            c: at(&self.above, x.wrapping_sub(1)),
            d: at(&self.above, x + 1),
        }
    }

    fn set(&mut self, x: usize, value: i32) {
        if let Some(sample) = self.now.get_mut(x) {
            *sample = value;
        }
    }

    fn end(&mut self) {
        std::mem::swap(&mut self.above, &mut self.now);
    }
}

/// One row of one component.
fn line(
    scan: &mut Scan<'_>,
    lines: &mut Lines,
    width: usize,
    run_index: &mut usize,
) -> Result<(), CodecError> {
    lines.begin(width);
    let mut x = 1;
    while x <= width {
        let near = lines.near(x);
        let id = scan.gradients(near);
        if id != 0 {
            let value = scan.regular(near, id)?;
            lines.set(x, value);
            x += 1;
            continue;
        }
        let length = scan.run_length(width + 1 - x, run_index);
        for _ in 0..length {
            lines.set(x, near.a);
            x += 1;
        }
        if x <= width {
            let here = lines.near(x);
            let alike = (here.a - here.b).abs() <= scan.p.near;
            let value = scan.interruption((here.a, here.b), alike, *run_index)?;
            lines.set(x, value);
            *run_index = run_index.saturating_sub(1);
            x += 1;
        }
    }
    Ok(())
}

/// One row of three components whose samples alternate.
fn sample_line(
    scan: &mut Scan<'_>,
    planes: &mut [Lines; 3],
    width: usize,
    run_index: &mut usize,
) -> Result<(), CodecError> {
    for lines in planes.iter_mut() {
        lines.begin(width);
    }
    let mut x = 1;
    while x <= width {
        let mut ids = [0; 3];
        for (id, lines) in ids.iter_mut().zip(planes.iter()) {
            *id = scan.gradients(lines.near(x));
        }
        if ids != [0; 3] {
            for (id, lines) in ids.iter().zip(planes.iter_mut()) {
                let value = scan.regular(lines.near(x), *id)?;
                lines.set(x, value);
            }
            x += 1;
            continue;
        }
        let length = scan.run_length(width + 1 - x, run_index);
        for _ in 0..length {
            for lines in planes.iter_mut() {
                let a = lines.near(x).a;
                lines.set(x, a);
            }
            x += 1;
        }
        if x <= width {
            for lines in planes.iter_mut() {
                let here = lines.near(x);
                let value = scan.interruption((here.a, here.b), false, *run_index)?;
                lines.set(x, value);
            }
            *run_index = run_index.saturating_sub(1);
            x += 1;
        }
    }
    Ok(())
}

/// How the components of a scan alternate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interleave {
    None,
    Line,
    Sample,
}

/// What the markers before a scan say.
struct Headers {
    frame: Option<Frame>,
    preset: [i32; 5],
}

/// Decodes a picture of `size` and `components` into interleaved samples.
pub(crate) fn decode(
    input: &[u8],
    size: LevelSize,
    components: usize,
    out: &mut [u8],
) -> Result<(), CodecError> {
    let Some(mut rest) = input.strip_prefix(&[0xff, 0xd8]) else {
        return Err(broken("no start of image"));
    };
    let mut headers = Headers {
        frame: None,
        preset: [0; 5],
    };
    let mut decoded = 0;
    while decoded < components {
        let (marker, payload, after) = segment(rest)?;
        match marker {
            0xf7 => headers.frame = Some(frame(payload)?),
            0xf8 => presets(payload, &mut headers.preset)?,
            0xda => {
                let Some(frame) = &headers.frame else {
                    return Err(broken("a scan before its frame header"));
                };
                if frame.size != size || frame.components != components {
                    return Err(broken(format!(
                        "the picture is {} of {} components, {size} of {components} wanted",
                        frame.size, frame.components
                    )));
                }
                let (count, near, mode) = scan_header(payload, components - decoded)?;
                let p = Parameters::new(headers.preset, near)?;
                let mut scan = Scan::new(p, after);
                run_scan(&mut scan, mode, size, (decoded, count, components), out)?;
                if scan.bits.is_overrun() {
                    return Err(broken("the stream is cut off"));
                }
                decoded += count;
                rest = next_marker(after);
                continue;
            }
            0xdd => {
                return Err(CodecError::Unsupported(
                    "JPEG-LS with restart intervals".to_owned(),
                ));
            }
            0xe8 if payload.starts_with(b"mrfx") && payload.get(4) != Some(&0) => {
                return Err(CodecError::Unsupported(
                    "JPEG-LS with Hewlett-Packard's colour transform".to_owned(),
                ));
            }
            0xe0..=0xef | 0xfe => {}
            other => return Err(broken(format!("an unexpected marker {other:#04x}"))),
        }
        rest = after;
    }
    Ok(())
}

type Segment<'a> = (u8, &'a [u8], &'a [u8]);

/// Marker, payload, and what follows.
fn segment(mut rest: &[u8]) -> Result<Segment<'_>, CodecError> {
    while let [0xff, 0xff, ..] = rest {
        rest = rest.get(1..).unwrap_or_default();
    }
    let [0xff, marker, high, low, ..] = rest else {
        return Err(broken("no marker where one is wanted"));
    };
    let len = usize::from(u16::from_be_bytes([*high, *low])) + 2;
    match rest.split_at_checked(len) {
        Some((whole, after)) if len >= 4 => {
            Ok((*marker, whole.get(4..).unwrap_or_default(), after))
        }
        _ => Err(broken("the headers are cut off")),
    }
}

/// From the first marker after a scan's bits on.
fn next_marker(input: &[u8]) -> &[u8] {
    let at = input
        .windows(2)
        .position(|pair| matches!(pair, [0xff, 0x80..=0xff]))
        .unwrap_or(input.len());
    input.get(at..).unwrap_or_default()
}

fn frame(payload: &[u8]) -> Result<Frame, CodecError> {
    let [precision, h1, h0, w1, w0, components, specs @ ..] = payload else {
        return Err(broken("the frame header is cut off"));
    };
    if *precision > 8 || *precision < 2 {
        return Err(CodecError::Unsupported(format!(
            "JPEG-LS of {precision} bits a sample"
        )));
    }
    let (specs, _) = specs.as_chunks::<3>();
    if specs.iter().any(|[_, sampling, _]| *sampling != 0x11) {
        return Err(CodecError::Unsupported(
            "JPEG-LS with subsampled components".to_owned(),
        ));
    }
    Ok(Frame {
        size: LevelSize {
            width: u32::from(u16::from_be_bytes([*w1, *w0])),
            height: u32::from(u16::from_be_bytes([*h1, *h0])),
        },
        components: usize::from(*components),
    })
}

fn presets(payload: &[u8], preset: &mut [i32; 5]) -> Result<(), CodecError> {
    match payload {
        [1, values @ ..] if values.len() == 10 => {
            let (values, _) = values.as_chunks::<2>();
            for (target, value) in preset.iter_mut().zip(values) {
                *target = i32::from(u16::from_be_bytes(*value));
            }
            Ok(())
        }
        [kind, ..] => Err(CodecError::Unsupported(format!(
            "JPEG-LS parameters of kind {kind}"
        ))),
        [] => Err(broken("empty parameters")),
    }
}

fn scan_header(payload: &[u8], left: usize) -> Result<(usize, i32, Interleave), CodecError> {
    let [count, rest @ ..] = payload else {
        return Err(broken("the scan header is cut off"));
    };
    let count = usize::from(*count);
    let Some([near, mode, _transform]) = rest.get(2 * count..) else {
        return Err(broken("the scan header is cut off"));
    };
    let mode = match mode {
        0 if count == 1 => Interleave::None,
        1 => Interleave::Line,
        2 if count == 3 => Interleave::Sample,
        _ => {
            return Err(broken(format!(
                "{count} components in interleave mode {mode}"
            )));
        }
    };
    if count == 0 || count > left {
        return Err(broken(format!("{count} components in a scan, {left} left")));
    }
    Ok((count, i32::from(*near), mode))
}

/// Decodes `count` components from component `first` on into `out`, whose pixels have `components` samples.
fn run_scan(
    scan: &mut Scan<'_>,
    mode: Interleave,
    size: LevelSize,
    (first, count, components): (usize, usize, usize),
    out: &mut [u8],
) -> Result<(), CodecError> {
    let width = usize::try_from(size.width).unwrap_or(0);
    let height = usize::try_from(size.height).unwrap_or(0);
    let mut planes = [Lines::new(width), Lines::new(width), Lines::new(width)];
    let mut run_indices = [0; 3];
    let row_len = (width * components).max(1);
    for row in out.chunks_exact_mut(row_len).take(height) {
        if mode == Interleave::Sample {
            sample_line(scan, &mut planes, width, &mut run_indices[0])?;
        } else {
            for (lines, run_index) in planes.iter_mut().zip(&mut run_indices).take(count) {
                line(scan, lines, width, run_index)?;
            }
        }
        for (channel, lines) in planes.iter_mut().take(count).enumerate() {
            let samples = lines.now.iter().skip(1).take(width);
            for (pixel, sample) in row.chunks_exact_mut(components).zip(samples) {
                if let Some(target) = pixel.get_mut(first + channel) {
                    *target = u8::try_from(*sample).unwrap_or(u8::MAX);
                }
            }
            lines.end();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: LevelSize = LevelSize {
        width: 37,
        height: 23,
    };

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jpeg_ls");
        std::fs::read(format!("{folder}/{name}")).unwrap()
    }

    /// Streams and pixels of `CharLS`, in each interleave mode, lossless and near-lossless.
    #[test]
    fn streams_of_another_encoder_give_its_pixels() {
        for name in [
            "plane-0", "plane-3", "line-0", "line-3", "sample-0", "sample-3", "grey-0",
        ] {
            let components = if name == "grey-0" { 1 } else { 3 };
            let truth = fixture(&format!("{name}.rgb"));
            let mut out = vec![0; truth.len()];
            let result = decode(&fixture(&format!("{name}.jls")), SIZE, components, &mut out);
            assert!(result.is_ok(), "{name}: {result:?}");
            assert!(out == truth, "{name}");
        }
    }

    #[test]
    fn a_cut_or_changed_stream_is_an_error_or_other_pixels() {
        let stream = fixture("sample-0.jls");
        let mut out = vec![0; 37 * 23 * 3];
        for len in 0..stream.len() / 2 {
            assert!(
                decode(&stream[..len], SIZE, 3, &mut out).is_err(),
                "{len} bytes"
            );
        }
        for at in 0..stream.len() {
            for bit in 0..8 {
                let mut changed = stream.clone();
                changed[at] ^= 1 << bit;
                // No panic; whether the pixels can be right is not for the codec to know.
                drop(decode(&changed, SIZE, 3, &mut out));
            }
        }
    }
}
