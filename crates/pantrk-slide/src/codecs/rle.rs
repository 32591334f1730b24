//! DICOM's run-length encoding: one `PackBits` segment per byte of a pixel.
//!
//! Facts: DICOM PS3.5 annex G.
//! Samples of more than 8 bits (two segments each) are not read.

use super::CodecError;

const NAME: &str = "RLE";
/// Number of segments and fifteen places, 32 bits each.
const HEADER: usize = 64;

fn broken(what: String) -> CodecError {
    CodecError::Broken { codec: NAME, what }
}

/// Decodes `planes` segments into `out`, one whole plane after the other.
pub(crate) fn decode_planes(input: &[u8], planes: usize, out: &mut [u8]) -> Result<(), CodecError> {
    let (words, _) = input
        .get(..HEADER)
        .ok_or_else(|| broken(format!("{} of {HEADER} header bytes", input.len())))?
        .as_chunks::<4>();
    let word = |index: usize| {
        words
            .get(index)
            .and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok())
            .unwrap_or(usize::MAX)
    };
    let found = word(0);
    if found != planes {
        return Err(broken(format!("{found} segments, {planes} wanted")));
    }
    let len = out.len().checked_div(planes).unwrap_or(0);
    if len == 0 {
        return Ok(());
    }
    for (index, plane) in out.chunks_exact_mut(len).take(planes).enumerate() {
        let start = word(index.saturating_add(1));
        let next = index.saturating_add(2);
        let end = if next <= planes {
            word(next)
        } else {
            input.len()
        };
        let segment = input
            .get(start..end)
            .filter(|_| start >= HEADER)
            .ok_or_else(|| broken(format!("segment {index} lies at {start}..{end}")))?;
        unpack(segment, plane)?;
    }
    Ok(())
}

/// Undoes `PackBits`; the output must be filled whole.
fn unpack(mut input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let wanted = out.len();
    let mut rest = out;
    while !rest.is_empty() {
        let short = CodecError::Short {
            codec: NAME,
            found: wanted.saturating_sub(rest.len()),
            wanted,
        };
        let Some((&control, after)) = input.split_first() else {
            return Err(short);
        };
        let count = usize::from(control);
        match control {
            // A literal run.
            0..=127 => {
                let count = count.saturating_add(1);
                let Some((run, after)) = after.split_at_checked(count) else {
                    return Err(short);
                };
                let taken = count.min(rest.len());
                let (target, left) = rest.split_at_mut(taken);
                for (t, s) in target.iter_mut().zip(run) {
                    *t = *s;
                }
                rest = left;
                input = after;
            }
            128 => input = after,
            // A repeated byte.
            129..=255 => {
                let Some((&value, after)) = after.split_first() else {
                    return Err(short);
                };
                let taken = 257_usize.saturating_sub(count).min(rest.len());
                let (target, left) = rest.split_at_mut(taken);
                target.fill(value);
                rest = left;
                input = after;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(segments: &[&[u8]]) -> Vec<u8> {
        let word = |n: usize| u32::try_from(n).unwrap();
        let mut header = vec![word(segments.len())];
        let mut body = Vec::new();
        for segment in segments {
            header.push(word(HEADER.checked_add(body.len()).unwrap()));
            body.extend_from_slice(segment);
        }
        header.resize(16, 0);
        let mut all: Vec<u8> = header.iter().flat_map(|v| v.to_le_bytes()).collect();
        all.extend_from_slice(&body);
        all
    }

    #[test]
    fn literals_and_repeats_fill_each_plane() {
        let input = framed(&[&[2, 1, 2, 3, 0], &[254, 9], &[128, 1, 4, 5, 0, 6]]);
        let mut out = [0; 9];
        decode_planes(&input, 3, &mut out).unwrap();
        assert_eq!(out, [1, 2, 3, 9, 9, 9, 4, 5, 6]);
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let mut out = [0; 4];
        assert!(decode_planes(&framed(&[&[2, 1, 2, 3]]), 1, &mut out).is_err());
        assert!(decode_planes(&framed(&[&[3, 1, 2]]), 1, &mut out).is_err());
        assert!(decode_planes(&framed(&[&[253, 1]]), 3, &mut out).is_err());
        assert!(decode_planes(&[0; 20], 1, &mut out).is_err());
        let mut outside = framed(&[&[253, 1]]);
        outside[4] = 255;
        assert!(decode_planes(&outside, 1, &mut out).is_err());
    }
}
