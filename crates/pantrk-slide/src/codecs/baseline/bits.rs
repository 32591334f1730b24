//! Entropy-coded bits of a scan: stuffing taken out, Huffman codes looked up (T.81, F.2.2 and annex C).

/// Bits that the lookup tables see at once.
const LOOK: u32 = 10;

/// The longest code.
const LONGEST: usize = 16;

/// Zero bytes behind the data, so that eight bytes can be taken at once up to their end.
const PADDING: usize = 16;

/// An entry of the lookup table: bits that it takes, then a run of zeros, then a value.
///
/// Bits 0 to 7: bits taken. Bits 8 to 13: run. Bit 14: the value's own bits did not fit, 16 to 23 hold the code's symbol. Bit 15: end of block. Bits 16 to 31: the value.
type Entry = u32;
const OUTSIDE: u32 = 1 << 14;
const END: u32 = 1 << 15;

/// The code is longer than [`LOOK`] or unknown.
const UNKNOWN: Entry = OUTSIDE;

/// A Huffman table.
pub(super) struct Table {
    look: [Entry; 1 << LOOK],
    /// By length: codes below this one, left-aligned to 16 bits, are of this length or shorter.
    limit: [u32; LONGEST + 1],
    /// By length: what added to a code gives its symbol's index.
    offset: [i32; LONGEST + 1],
    symbols: [u8; 256],
}

impl Table {
    pub(super) const fn empty() -> Self {
        Self {
            look: [UNKNOWN; 1 << LOOK],
            limit: [0; LONGEST + 1],
            offset: [0; LONGEST + 1],
            symbols: [0; 256],
        }
    }

    /// Of how many codes there are of each length, and their symbols; `None` where the codes do not fit.
    pub(super) fn build(&mut self, counts: &[u8; LONGEST], symbols: &[u8]) -> Option<()> {
        let total: usize = counts.iter().map(|&n| usize::from(n)).sum();
        if total > 256 || symbols.len() != total {
            return None;
        }
        self.symbols = [0; 256];
        self.symbols.get_mut(..total)?.copy_from_slice(symbols);
        self.look = [UNKNOWN; 1 << LOOK];
        let (mut code, mut index) = (0_u32, 0_u32);
        for (length, &count) in (1_u32..).zip(counts) {
            *self.offset.get_mut(length as usize)? = i32::try_from(index)
                .ok()?
                .wrapping_sub(i32::try_from(code).ok()?);
            for _ in 0..count {
                if length <= LOOK {
                    let symbol = *symbols.get(index as usize)?;
                    self.enter(code, length, symbol);
                }
                code = code.wrapping_add(1);
                index = index.wrapping_add(1);
            }
            if code > 1 << length {
                return None;
            }
            *self.limit.get_mut(length as usize)? = code << 16_u32.wrapping_sub(length);
            code <<= 1;
        }
        Some(())
    }

    /// Fills the entries that begin with a code.
    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let free = LOOK.wrapping_sub(length);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let first = code << free;
        for rest in 0..1_u32 << free {
            let entry = if size == 0 {
                let end = if run == 15 { 0 } else { END };
                length | (run << 8) | end
            } else if size <= free {
                let bits = rest >> free.wrapping_sub(size);
                let value = i32::from(extended(bits, size));
                length.wrapping_add(size) | (run << 8) | (value as u32) << 16
            } else {
                length | (run << 8) | OUTSIDE | (u32::from(symbol) << 16)
            };
            if let Some(place) = self.look.get_mut(first.wrapping_add(rest) as usize) {
                *place = entry;
            }
        }
    }
}

/// The value of `size` bits (T.81, F.12): the lower half is negative.
#[inline(always)]
fn extended(bits: u32, size: u32) -> i16 {
    let bits = bits as i32;
    let half = 1_i32 << (size.wrapping_sub(1) & 15);
    let least = (-1_i32).wrapping_shl(size).wrapping_add(1);
    (if bits < half {
        bits.wrapping_add(least)
    } else {
        bits
    }) as i16
}

/// A coefficient: the zeros before it, its value; or the end of the block.
pub(super) struct Symbol {
    pub(super) run: u32,
    pub(super) value: i16,
    pub(super) end: bool,
}

/// A scan's bytes without stuffing, in intervals.
#[derive(Default)]
pub(super) struct Clean {
    bytes: Vec<u8>,
    /// Where each interval ends.
    ends: Vec<usize>,
}

impl Clean {
    /// Takes stuffing and restart markers out; `false` where restart markers do not count up.
    pub(super) fn fill(&mut self, mut scan: &[u8]) -> bool {
        self.bytes.clear();
        self.bytes.reserve(scan.len().saturating_add(PADDING));
        self.ends.clear();
        let mut number = 0_u8;
        loop {
            let run = to_marker(scan);
            let (plain, rest) = scan.split_at(run);
            self.bytes.extend_from_slice(plain);
            match rest {
                [0xff, 0, rest @ ..] => {
                    self.bytes.push(0xff);
                    scan = rest;
                }
                [0xff, marker @ 0xd0..=0xd7, rest @ ..] => {
                    if marker & 7 != number {
                        return false;
                    }
                    number = number.wrapping_add(1) & 7;
                    self.ends.push(self.bytes.len());
                    scan = rest;
                }
                // Fill bytes may stand before a marker.
                [0xff, 0xff, ..] => scan = rest.get(1..).unwrap_or_default(),
                _ => break,
            }
        }
        self.ends.push(self.bytes.len());
        self.bytes
            .resize(self.bytes.len().saturating_add(PADDING), 0);
        true
    }

    /// The bits of an interval.
    #[inline(always)]
    pub(super) fn interval(&self, index: usize) -> Option<Bits<'_>> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        Some(Bits {
            bytes: &self.bytes,
            at: start,
            end,
            window: 0,
            count: 0,
        })
    }
}

/// How many bytes stand before the next 0xff, eight at a time.
fn to_marker(bytes: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, _) = bytes.as_chunks::<8>();
    let whole = words
        .iter()
        .take_while(|word| {
            // A byte of 0xff is a zero of the complement.
            let inverse = !u64::from_ne_bytes(**word);
            inverse.wrapping_sub(LOW) & !inverse & HIGH == 0
        })
        .count()
        .saturating_mul(8);
    let rest = bytes.get(whole..).unwrap_or_default();
    let more = rest.iter().position(|&byte| byte == 0xff);
    whole.saturating_add(more.unwrap_or(rest.len()))
}

/// Reads bits of one interval.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    /// The next bits, left-aligned.
    window: u64,
    /// How many of them there are.
    count: u32,
}

impl Bits<'_> {
    /// Makes sure of 32 bits; behind the data they are zero.
    #[inline(always)]
    fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        let next = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<8>());
        let word = next.map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.window |= word >> self.count;
        let taken = (63_u32.wrapping_sub(self.count)) >> 3;
        self.at = self.at.wrapping_add(taken as usize);
        self.count = self.count.wrapping_add(taken << 3);
    }

    #[inline(always)]
    fn take(&mut self, count: u32) {
        self.window = self.window.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// The next symbol; `None` for a code that the table does not have.
    #[inline(always)]
    pub(super) fn symbol(&mut self, table: &Table) -> Option<Symbol> {
        self.refill();
        let entry = table.look[(self.window >> (64 - LOOK)) as usize];
        if entry & OUTSIDE != 0 {
            // By value, so that the bits stay in registers.
            let (taken, symbol) = long_symbol(self.window, table, entry)?;
            self.take(taken);
            return Some(symbol);
        }
        self.take(entry & 0xff);
        Some(Symbol {
            run: (entry >> 8) & 0x3f,
            value: (entry >> 16) as i16,
            end: entry & END != 0,
        })
    }

    /// Whether bits were read that the interval does not have.
    #[inline(always)]
    pub(super) fn is_overrun(&self) -> bool {
        let read = (self.at as u64)
            .wrapping_mul(8)
            .wrapping_sub(u64::from(self.count));
        read > (self.end as u64).wrapping_mul(8)
    }
}

/// The next symbol of left-aligned bits where code and value do not fit into the table, and the bits it takes.
#[cold]
fn long_symbol(window: u64, table: &Table, entry: Entry) -> Option<(u32, Symbol)> {
    let (length, symbol) = if entry == UNKNOWN {
        let code = (window >> 48) as u32;
        let length = (1..=LONGEST).find(|&length| code < table.limit[length])?;
        let code = (code >> 16_usize.wrapping_sub(length)) as i32;
        let index = usize::try_from(code.wrapping_add(table.offset[length])).ok()?;
        (length as u32, *table.symbols.get(index)?)
    } else {
        (entry & 0xff, (entry >> 16) as u8)
    };
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    if size == 0 {
        let end = run != 15;
        return Some((length, Symbol { run, value: 0, end }));
    }
    // A code of 16 bits and a value of 15 are 31: still there.
    let bits = (window.wrapping_shl(length) >> 64_u32.wrapping_sub(size)) as u32;
    let value = extended(bits, size);
    Some((
        length.wrapping_add(size),
        Symbol {
            run,
            value,
            end: false,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_and_restarts_are_taken_out() {
        let mut clean = Clean::default();
        let scan = [
            1, 2, 0xff, 0, 3, 0xff, 0xd0, 4, 5, 6, 7, 8, 9, 10, 11, 0xff, 0xff, 0xd1, 12, 0xff,
            0xd9, 77,
        ];
        assert!(clean.fill(&scan));
        assert_eq!(clean.ends, [4, 12, 13]);
        assert_eq!(
            clean.bytes[..13],
            [1, 2, 0xff, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        );
        assert!(!clean.fill(&[1, 0xff, 0xd3, 2]));
    }

    #[test]
    fn values_are_extended_as_the_standard_says() {
        let all: Vec<i16> = (0..8).map(|bits| extended(bits, 3)).collect();
        assert_eq!(all, [-7, -6, -5, -4, 4, 5, 6, 7]);
        assert_eq!((extended(0, 1), extended(1, 1)), (-1, 1));
    }

    #[test]
    fn codes_that_do_not_fit_make_no_table() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::empty().build(&counts, &[1, 2, 3]).is_none());
        counts[0] = 1;
        assert!(Table::empty().build(&counts, &[1]).is_some());
        assert!(Table::empty().build(&counts, &[]).is_none());
    }
}
