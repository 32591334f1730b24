//! A large JPEG read a few restart intervals at a time.
//!
//! Facts: ITU-T T.81 section E.1.4: at a restart marker the decoder's state is reset, so that intervals can be decoded by themselves or in a picture of their own.
//! Here intervals are stacked: each becomes one row of blocks of a smaller picture, whose frame header is rewritten and whose restart markers are counted anew.

use pantrk_space::LevelSize;

use super::CodecError;
use super::jpeg::{Segments, broken};

/// The headers of such a JPEG.
#[derive(Debug, Clone)]
pub(crate) struct IntervalHeaders {
    /// From the start of image up to the entropy-coded data, without application segments other than Adobe's and JFIF's.
    bytes: Vec<u8>,
    /// Where height and width stand in `bytes`.
    size_at: usize,
    /// Pixels of one minimum coded unit.
    unit: LevelSize,
    /// Units in a restart interval.
    interval: u32,
}

impl IntervalHeaders {
    /// Reads the headers in front of a scan; `stream` may end anywhere after them.
    pub(crate) fn parse(stream: &[u8]) -> Result<Self, CodecError> {
        let mut bytes = vec![0xff, 0xd8];
        let (mut size_at, mut unit, mut interval) = (None, None, 0);
        let mut segments = Segments::new(stream)?;
        for segment in &mut segments {
            let segment = segment?;
            match segment.marker {
                0xc0 | 0xc1 => {
                    // Marker, length and precision stand before the size.
                    size_at = Some(bytes.len().saturating_add(5));
                    unit = unit_of(segment.payload);
                }
                0xc2..=0xcf if !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc) => {
                    return Err(CodecError::Unsupported(
                        "a JPEG with restart intervals that is not sequential".to_owned(),
                    ));
                }
                0xdd => {
                    if let [high, low, ..] = segment.payload {
                        interval = u32::from(u16::from_be_bytes([*high, *low]));
                    }
                }
                0xe1..=0xed | 0xef | 0xfe => continue,
                _ => {}
            }
            bytes.extend_from_slice(segment.whole);
        }
        let [0xff, 0xda, high, low, ..] = segments.rest else {
            return Err(broken("no scan"));
        };
        let len = usize::from(u16::from_be_bytes([*high, *low])).saturating_add(2);
        let scan = segments
            .rest
            .get(..len)
            .ok_or_else(|| broken("the headers are cut off"))?;
        bytes.extend_from_slice(scan);
        match (size_at, unit) {
            (Some(size_at), Some(unit)) => Ok(Self {
                bytes,
                size_at,
                unit,
                interval,
            }),
            _ => Err(broken("no frame header")),
        }
    }

    /// Pixels of one minimum coded unit.
    pub(crate) fn unit(&self) -> LevelSize {
        self.unit
    }

    /// Units in a restart interval; 0 where there are none.
    pub(crate) fn interval(&self) -> u32 {
        self.interval
    }

    /// Begins a picture of `rows` intervals, each a row of units as wide as an interval.
    pub(crate) fn begin(&self, rows: u32, out: &mut Vec<u8>) -> Result<LevelSize, CodecError> {
        let size = LevelSize {
            width: self.interval.saturating_mul(self.unit.width),
            height: rows.saturating_mul(self.unit.height),
        };
        let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height))
        else {
            return Err(broken(&format!("a picture of {size}")));
        };
        out.clear();
        out.extend_from_slice(&self.bytes);
        let end = self.size_at.saturating_add(4);
        if let Some([h1, h0, w1, w0]) = out.get_mut(self.size_at..end) {
            [*h1, *h0] = height.to_be_bytes();
            [*w1, *w0] = width.to_be_bytes();
        }
        Ok(size)
    }
}

/// Adds interval `row` of a stacked picture of `rows`, which was interval `number` of `all` in its file.
pub(crate) fn add(
    data: &[u8],
    (number, all): (u64, u64),
    (row, rows): (u32, u32),
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let code = |n: u64| 0xd0_u8.saturating_add(u8::try_from(n & 7).unwrap_or(0));
    let is_last = number.saturating_add(1) == all;
    let content = match data {
        [content @ .., 0xff, end] if *end == code(number) && !is_last => content,
        // The last one may be followed by padding.
        _ if is_last => data
            .windows(2)
            .rposition(|pair| pair == [0xff, 0xd9])
            .and_then(|at| data.get(..at))
            .ok_or_else(|| broken("the stream is cut off, its end marker is missing"))?,
        _ => {
            return Err(broken(&format!(
                "restart interval {number} does not end with its marker"
            )));
        }
    };
    out.extend_from_slice(content);
    let is_end = row.saturating_add(1) == rows;
    let marker = if is_end { 0xd9 } else { code(u64::from(row)) };
    out.extend_from_slice(&[0xff, marker]);
    Ok(())
}

/// The pixels of a unit by the largest sampling factors of a frame header.
fn unit_of(payload: &[u8]) -> Option<LevelSize> {
    let [_, _, _, _, _, count, specs @ ..] = payload else {
        return None;
    };
    let (specs, _) = specs.as_chunks::<3>();
    let specs = specs.get(..usize::from(*count))?;
    // A scan of one component is coded block by block, whatever its factors.
    if let [_] = specs {
        return Some(LevelSize {
            width: 8,
            height: 8,
        });
    }
    let largest = |shift: u32| {
        let factors = specs
            .iter()
            .map(|[_, sampling, _]| (sampling >> shift) & 15);
        factors.max().filter(|factor| (1..=4).contains(factor))
    };
    Some(LevelSize {
        width: u32::from(largest(4)?).saturating_mul(8),
        height: u32::from(largest(0)?).saturating_mul(8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_markers_are_counted_anew() {
        let mut out = Vec::new();
        add(&[1, 2, 0xff, 0xd5], (13, 100), (0, 2), &mut out).unwrap();
        add(&[3, 0xff, 0xd6], (14, 100), (1, 2), &mut out).unwrap();
        assert_eq!(out, [1, 2, 0xff, 0xd0, 3, 0xff, 0xd9]);
        // The wrong one, none, and a last one without an end.
        assert!(add(&[1, 0xff, 0xd4], (13, 100), (0, 1), &mut out).is_err());
        assert!(add(&[1], (13, 100), (0, 1), &mut out).is_err());
        assert!(add(&[1, 0xff, 0xd3], (99, 100), (0, 1), &mut out).is_err());
        assert!(add(&[1, 0xff, 0xd9, 0], (99, 100), (0, 1), &mut out).is_ok());
    }
}
