//! `checkpoint`: the finished patches of a slide under work, so that a stopped or killed run goes on where it was, and that they need not all be in memory.
//!
//! The file stands in `<slide-id>.partial/` and grows by one record a patch, each with its length and checksum; a record that was cut short ends what is read.
//! It begins with the identity of slide, parameters and model: with another identity it is begun anew.
//!
//! **Architecture invariant:** what comes back is what went in, bit for bit; a resumed slide gives the bytes of an undisturbed one.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::Crc;
use pantrk_core::cell::{BesideMembrane, CellTable, ExcludedReason};
use pantrk_core::pipeline::{Checkpoint, PatchOutcome};
use pantrk_core::quality::Block;
use pantrk_space::LevelRect;
use sha2::{Digest as _, Sha256};

use crate::StoreError;

/// Its name in the folder under work.
pub(crate) const FILE: &str = "checkpoint";
/// Changed with the layout: what an older program left is begun anew.
const MAGIC: &[u8; 20] = b"pantrk.checkpoint/4\n";
/// Longer records than this are damage: a patch holds a few hundred cells.
const MAX_RECORD: u32 = 1 << 28;
/// How often the file is put on the disk itself; a killed process loses nothing, a machine without power this much.
const SYNC_EVERY: Duration = Duration::from_secs(30);

/// The checkpoint of one slide.
#[derive(Debug)]
pub struct CheckpointFile {
    path: PathBuf,
    out: Mutex<Out>,
    /// Where the record of each core stands, by the core's corner.
    places: Mutex<HashMap<(i64, i64), Place>>,
    resumed: usize,
}

/// A record in the file, without its frame of length and checksum.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: usize,
}

#[derive(Debug)]
struct Out {
    file: File,
    synced: Instant,
}

impl CheckpointFile {
    /// Takes up the checkpoint in a slide's folder under work, or begins it where there is none of this identity.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(folder: &Path, identity: &str) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let failed = |e| StoreError::io("keep a checkpoint", &path, e);
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        let head = head(identity);
        let (found, good) = read(&file, &head).map_err(failed)?;
        // What follows the last whole record was cut short by a kill or a full disk.
        file.set_len(good).map_err(failed)?;
        let mut out = Out {
            file,
            synced: Instant::now(),
        };
        if good == 0 {
            out.file.write_all(&head).map_err(failed)?;
        }
        Ok(Self {
            path,
            out: Mutex::new(out),
            resumed: found.len(),
            places: Mutex::new(found),
        })
    }

    /// How many patches an earlier run finished.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    /// Writes a record with its frame at the end of the file, and tells where it begins.
    fn append(&self, record: &[u8]) -> io::Result<u64> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = out.file.metadata()?.len();
        if let Err(error) = out.file.write_all(record) {
            // Half a record would hide the ones that come after it.
            out.file.set_len(whole)?;
            return Err(error);
        }
        if out.synced.elapsed() > SYNC_EVERY {
            out.file.sync_data()?;
            out.synced = Instant::now();
        }
        Ok(whole)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_record(&self, core: LevelRect) -> io::Result<PatchOutcome> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a finished patch is gone");
        let place = self.places().get(&(core.x, core.y)).copied();
        let place = place.ok_or_else(damaged)?;
        let mut record = vec![0; place.length];
        let mut checksum = [0; 4];
        {
            // Records are appended wherever the file was read last.
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.file.seek(SeekFrom::Start(place.offset - 4))?;
            out.file.read_exact(&mut checksum)?;
            out.file.read_exact(&mut record)?;
        }
        if u32::from_le_bytes(checksum) != crc(&record) {
            return Err(damaged());
        }
        Bytes(&record)
            .outcome()
            .map(|(_, outcome)| outcome)
            .ok_or_else(damaged)
    }
}

impl Checkpoint for CheckpointFile {
    fn has(&self, core: LevelRect) -> bool {
        self.places().contains_key(&(core.x, core.y))
    }

    fn keep(
        &self,
        core: LevelRect,
        outcome: PatchOutcome,
    ) -> Result<Option<PatchOutcome>, Box<dyn Error + Send + Sync>> {
        // What could not be read is read again: it may have been the network.
        if !outcome.unread_tiles.is_empty() {
            return Ok(Some(outcome));
        }
        let record = record(core, &outcome);
        let whole = self
            .append(&record)
            .map_err(|e| StoreError::io("keep a checkpoint", &self.path, e))?;
        let place = Place {
            offset: whole + FRAME,
            length: record.len() - FRAME as usize,
        };
        self.places().insert((core.x, core.y), place);
        Ok(None)
    }

    fn read(&self, core: LevelRect) -> Result<PatchOutcome, Box<dyn Error + Send + Sync>> {
        self.read_record(core)
            .map_err(|e| StoreError::io("read a checkpoint back", &self.path, e).into())
    }
}

fn head(identity: &str) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&Sha256::digest(identity.as_bytes()));
    head
}

/// Length and checksum before a record, bytes.
const FRAME: u64 = 8;

type Places = HashMap<(i64, i64), Place>;

/// Where the whole records are, and the length of the file up to their end; 0 if it is of another identity.
fn read(file: &File, head: &[u8]) -> io::Result<(Places, u64)> {
    let mut found = HashMap::new();
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut start = vec![0; head.len()];
    if !filled(&mut reader, &mut start)? || start != head {
        return Ok((found, 0));
    }
    let mut good = head.len() as u64;
    let mut record = Vec::new();
    loop {
        let mut frame = [0; 8];
        if !filled(&mut reader, &mut frame)? {
            break;
        }
        let [a, b, c, d, checksum @ ..] = frame;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > MAX_RECORD {
            break;
        }
        record.resize(length as usize, 0);
        if !filled(&mut reader, &mut record)? || u32::from_le_bytes(checksum) != crc(&record) {
            break;
        }
        let Some((core, _)) = Bytes(&record).outcome() else {
            break;
        };
        let place = Place {
            offset: good + FRAME,
            length: length as usize,
        };
        found.insert(core, place);
        good += FRAME + u64::from(length);
    }
    Ok((found, good))
}

/// Fills the buffer; `false` if the file ends before.
fn filled(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Length, checksum, and the outcome's numbers, little-endian.
fn record(core: LevelRect, outcome: &PatchOutcome) -> Vec<u8> {
    let PatchOutcome {
        cells,
        unread_um2,
        // Outcomes with unread tiles are not kept.
        unread_tiles: _,
        blocks,
    } = outcome;
    // Named one by one, so that a new column cannot be forgotten here.
    let CellTable {
        x_px,
        y_px,
        nucleus_area_um2,
        cell_area_um2,
        circularity,
        dab_od,
        nucleus_hematoxylin_od,
        nucleus_hematoxylin_cv,
        membrane_completeness,
        cytoplasm_granularity,
        beside_membrane,
        // Graded when all patches are there.
        grades: _,
        // Given by people, after the run.
        fixed_grades: _,
        excluded,
        contours,
    } = cells;
    let mut out = vec![0; 8];
    out.extend_from_slice(&core.x.to_le_bytes());
    out.extend_from_slice(&core.y.to_le_bytes());
    out.extend_from_slice(&unread_um2.to_le_bytes());
    out.extend_from_slice(&(x_px.len() as u32).to_le_bytes());
    out.extend(x_px.iter().chain(y_px).flat_map(|v| v.to_le_bytes()));
    let [nucleus, rim, cytoplasm, membrane] = dab_od;
    for column in [
        nucleus_area_um2,
        cell_area_um2,
        circularity,
        nucleus,
        rim,
        cytoplasm,
        membrane,
        nucleus_hematoxylin_od,
        nucleus_hematoxylin_cv,
        membrane_completeness,
        cytoplasm_granularity,
    ] {
        out.extend(column.iter().flat_map(|v| v.to_le_bytes()));
    }
    out.extend(beside_membrane.iter().map(|&b| b as u8));
    out.extend(excluded.iter().map(|r| r.map_or(0, |r| r as u8)));
    out.extend_from_slice(&(contours.len() as u32).to_le_bytes());
    for contour in contours {
        out.extend_from_slice(&(contour.len() as u32).to_le_bytes());
        out.extend(contour.iter().flatten().flat_map(|v| v.to_le_bytes()));
    }
    out.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
    for ((x, y), block) in blocks {
        out.extend_from_slice(&x.to_le_bytes());
        out.extend_from_slice(&y.to_le_bytes());
        out.extend_from_slice(&block.to_bytes());
    }
    let length = (out.len() - 8) as u32;
    let checksum = crc(&out[8..]);
    out[..4].copy_from_slice(&length.to_le_bytes());
    out[4..8].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// A record that is being read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn outcome(mut self) -> Option<((i64, i64), PatchOutcome)> {
        let place = (
            i64::from_le_bytes(self.array()?),
            i64::from_le_bytes(self.array()?),
        );
        let unread_um2 = f64::from_le_bytes(self.array()?);
        let count = u32::from_le_bytes(self.array()?) as usize;
        let cells = CellTable {
            x_px: self.doubles(count)?,
            y_px: self.doubles(count)?,
            nucleus_area_um2: self.floats(count)?,
            cell_area_um2: self.floats(count)?,
            circularity: self.floats(count)?,
            dab_od: [
                self.floats(count)?,
                self.floats(count)?,
                self.floats(count)?,
                self.floats(count)?,
            ],
            nucleus_hematoxylin_od: self.floats(count)?,
            nucleus_hematoxylin_cv: self.floats(count)?,
            membrane_completeness: self.floats(count)?,
            cytoplasm_granularity: self.floats(count)?,
            beside_membrane: self.beside_membrane(count)?,
            grades: <[Vec<u8>; 4]>::default(),
            fixed_grades: Vec::new(),
            excluded: self.reasons(count)?,
            contours: self.contours()?,
        };
        let blocks = self.blocks()?;
        self.0.is_empty().then_some((
            place,
            PatchOutcome {
                cells,
                unread_um2,
                unread_tiles: Vec::new(),
                blocks,
            },
        ))
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn doubles(&mut self, count: usize) -> Option<Vec<f64>> {
        let bytes = self.take(count.checked_mul(8)?)?;
        let (values, _) = bytes.as_chunks::<8>();
        Some(values.iter().map(|v| f64::from_le_bytes(*v)).collect())
    }

    fn floats(&mut self, count: usize) -> Option<Vec<f32>> {
        let bytes = self.take(count.checked_mul(4)?)?;
        let (values, _) = bytes.as_chunks::<4>();
        Some(values.iter().map(|v| f32::from_le_bytes(*v)).collect())
    }

    fn beside_membrane(&mut self, count: usize) -> Option<Vec<BesideMembrane>> {
        let bytes = self.take(count)?;
        let known = |&code: &u8| BesideMembrane::ALL.get(usize::from(code)).copied();
        bytes.iter().map(known).collect()
    }

    fn reasons(&mut self, count: usize) -> Option<Vec<Option<ExcludedReason>>> {
        let known = |code: u8| ExcludedReason::ALL.into_iter().find(|r| *r as u8 == code);
        let bytes = self.take(count)?;
        bytes
            .iter()
            .map(|&code| match code {
                0 => Some(None),
                code => known(code).map(Some),
            })
            .collect()
    }

    fn blocks(&mut self) -> Option<Vec<((u32, u32), Block)>> {
        let count = u32::from_le_bytes(self.array()?);
        let mut blocks = Vec::new();
        for _ in 0..count {
            let place = (
                u32::from_le_bytes(self.array()?),
                u32::from_le_bytes(self.array()?),
            );
            blocks.push((place, Block::from_bytes(self.array()?)));
        }
        Some(blocks)
    }

    fn contours(&mut self) -> Option<Vec<Vec<[f32; 2]>>> {
        let count = u32::from_le_bytes(self.array()?);
        let mut contours = Vec::new();
        for _ in 0..count {
            let points = u32::from_le_bytes(self.array()?) as usize;
            let numbers = self.floats(points.checked_mul(2)?)?;
            let (pairs, _) = numbers.as_chunks::<2>();
            contours.push(pairs.to_vec());
        }
        Some(contours)
    }
}

#[cfg(test)]
mod tests {
    use pantrk_core::pipeline::UnreadTile;
    use pantrk_space::{LevelIndex, TileIndex};

    use super::*;

    fn core(x: i64) -> LevelRect {
        LevelRect {
            x,
            y: 512,
            width: 256,
            height: 256,
        }
    }

    fn outcome(seed: u32, count: usize) -> PatchOutcome {
        let number = |i: usize, k: f32| (i as f32).mul_add(0.37, k + seed as f32).sin();
        let column = |k: f32| (0..count).map(|i| number(i, k)).collect::<Vec<f32>>();
        let mut cytoplasm = column(6.0);
        if let Some(first) = cytoplasm.first_mut() {
            *first = f32::NAN;
        }
        PatchOutcome {
            cells: CellTable {
                x_px: column(0.0).into_iter().map(f64::from).collect(),
                y_px: column(1.0)
                    .into_iter()
                    .map(|v| f64::from(v) / 3.0)
                    .collect(),
                nucleus_area_um2: column(2.0),
                cell_area_um2: column(3.0),
                circularity: column(4.0),
                dab_od: [column(5.0), column(5.5), cytoplasm, column(7.0)],
                nucleus_hematoxylin_od: column(8.0),
                nucleus_hematoxylin_cv: column(8.5),
                membrane_completeness: column(9.0),
                cytoplasm_granularity: column(10.0),
                beside_membrane: (0..count).map(|i| BesideMembrane::ALL[i % 3]).collect(),
                grades: <[Vec<u8>; 4]>::default(),
                fixed_grades: Vec::new(),
                excluded: (0..count)
                    .map(|i| (i % 3 == 1).then_some(ExcludedReason::Unread))
                    .collect(),
                contours: (0..count).map(|i| vec![[i as f32, -0.0]; i % 4]).collect(),
            },
            unread_um2: 0.0,
            unread_tiles: Vec::new(),
            blocks: (0..seed)
                .map(|i| ((i, 7 * i), Block::from_bytes([i as u8; Block::BYTES])))
                .collect(),
        }
    }

    /// Debug tells every bit apart, and NaN from other numbers.
    fn same(file: &CheckpointFile, core: LevelRect, wanted: &PatchOutcome) {
        assert!(file.has(core));
        let found = file.read(core).unwrap();
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    }

    #[test]
    fn what_was_kept_is_taken_up_by_the_same_identity() {
        let folder = tempfile::tempdir().unwrap();
        let open = |identity| CheckpointFile::open(folder.path(), identity).unwrap();
        let first = open("a");
        for (i, count) in [7, 0, 40].into_iter().enumerate() {
            let i = i as u32;
            let back = first.keep(core(i64::from(i) * 256), outcome(i, count));
            assert!(back.unwrap().is_none());
            // Read and written in turns.
            same(&first, core(0), &outcome(0, 7));
        }
        drop(first);
        let second = open("a");
        assert_eq!(second.resumed(), 3);
        same(&second, core(512), &outcome(2, 40));
        second.keep(core(768), outcome(3, 9)).unwrap();
        for _ in 0..2 {
            same(&second, core(0), &outcome(0, 7));
            same(&second, core(768), &outcome(3, 9));
        }
        assert!(!second.has(core(9)) && second.read(core(9)).is_err());
        drop(second);
        assert_eq!(open("b").resumed(), 0);
        // Another identity began it anew.
        assert_eq!(open("a").resumed(), 0);
    }

    #[test]
    fn a_file_cut_anywhere_or_damaged_gives_its_whole_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let open = || CheckpointFile::open(folder.path(), "a").unwrap();
        let file = open();
        file.keep(core(0), outcome(1, 5)).unwrap();
        let first = std::fs::metadata(&path).unwrap().len() as usize;
        file.keep(core(256), outcome(2, 5)).unwrap();
        drop(file);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let file = open();
            assert_eq!(file.resumed(), usize::from(cut >= first), "cut at {cut}");
            file.keep(core(512), outcome(3, 2)).unwrap();
            drop(file);
            let file = open();
            assert_eq!(file.resumed(), 1 + usize::from(cut >= first));
            same(&file, core(512), &outcome(3, 2));
        }
        for at in (first..whole.len()).step_by(17) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(open().resumed(), 1, "damaged at {at}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile::open(folder.path(), "a").unwrap();
        let unread = PatchOutcome {
            unread_um2: 3.0,
            unread_tiles: vec![UnreadTile {
                level: LevelIndex(0),
                tile: TileIndex { column: 1, row: 2 },
                reason: "timed out".to_owned(),
            }],
            ..outcome(1, 3)
        };
        let back = file.keep(core(0), unread.clone()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{:?}", Some(unread)));
        drop(file);
        let file = CheckpointFile::open(folder.path(), "a").unwrap();
        assert_eq!(file.resumed(), 0);
    }
}
