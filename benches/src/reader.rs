//! The slide reader beside OpenSlide and beside merely decoding the same tiles, one line of JSON per run.
//!
//! `reader SIDE [--rounds N] [--threads 1,2] [--openslide LIBOPENSLIDE.so]`
//!
//! Every run is a process of its own, so that the peak memory is that run's, and the kinds of run are interleaved.
//! On a machine that does other things as well, compare the CPU time.
//! A last line for each kind gives the median over the rounds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use pantrk_benches::tiles::TileTable;
use pantrk_benches::tools;
use pantrk_slide::Slide;
use pantrk_space::{LevelIndex, LevelRect, RegionReader as _, RgbBuffer, TileIndex};
use serde_json::json;

const USAGE: &str = "usage: reader SIDE [--rounds N] [--threads 1,2] [--openslide LIBOPENSLIDE.so]";
/// Where phantoms, plans and helpers are kept.
const WORK: &str = "benches/work";
/// Side of the regions at random places, in pixels.
const REGION: u32 = 512;
const REGIONS: usize = 600;
/// Of the file that is only opened.
const OPEN_PAGES: u64 = 12;
const OPEN_TILES: u64 = 100_000;
const OPEN_TIMES: usize = 9;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--once", "pantrk", slide, plan, threads] => pantrk(slide, plan, threads),
        ["--once", "tiles", slide, plan, threads] => tiles_alone(slide, plan, threads),
        ["--once", "open", file] => open(file),
        [side, rest @ ..] => Options::parse(side, rest).and_then(|options| options.run()),
        [] => Err(USAGE.to_owned()),
    };
    tools::exit(done)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    tools::number(text, USAGE)
}

/// What is run, and how often.
struct Options {
    side: u32,
    rounds: usize,
    threads: Vec<usize>,
    openslide: Option<String>,
}

/// A way to read: its name and the files that say what is read.
struct Access {
    name: &'static str,
    /// Lines `x y width height`.
    regions: PathBuf,
    /// The tiles behind them, as `decode_tiles.c` wants them.
    tiles: PathBuf,
    megapixels: f64,
}

impl Options {
    fn parse(side: &str, rest: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            side: number(side)?,
            rounds: 5,
            threads: vec![1, 2],
            openslide: None,
        };
        for pair in rest.chunks(2) {
            match pair {
                ["--rounds", value] => options.rounds = number(value)?,
                ["--threads", value] => {
                    options.threads = value.split(',').map(number).collect::<Result<_, _>>()?;
                }
                ["--openslide", value] => options.openslide = Some((*value).to_owned()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    fn run(&self) -> Result<(), String> {
        let folder = PathBuf::from(WORK);
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let slide = pantrk_benches::phantom_slide(&folder, self.side)?;
        let accesses = plans(&slide, &folder, self.side)?;
        let large = folder.join("open-12x100000.tif");
        std::fs::write(&large, many_tiles()).map_err(|e| e.to_string())?;
        let turbo = tools::build(&folder, "benches/turbo/decode_tiles.c", "-lturbojpeg");
        let peer = self.openslide.as_ref().and_then(|library| {
            let program = tools::build(&folder, "benches/openslide/read_regions.c", "-ldl")?;
            Some((program, library))
        });
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut note = |kind: String, value: f64| all.entry(kind).or_default().push(value);
        for _ in 0..self.rounds {
            for access in &accesses {
                for threads in &self.threads {
                    let threads = threads.to_string();
                    let mut once = |what: &str, command: &mut Command| -> Result<(), String> {
                        let mut line = tools::run(command)?;
                        let second = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
                        let rate = access.megapixels / second("seconds");
                        let rate_of_cpu = access.megapixels / second("cpu_seconds");
                        line["what"] = json!(what);
                        line["access"] = json!(access.name);
                        line["megapixels"] = json!(access.megapixels);
                        line["megapixels_per_second"] = json!(rate);
                        tools::print(&line);
                        let kind = format!("{what}, {}, {threads} thread(s)", access.name);
                        if let Some(rss) = line["peak_rss_mib"].as_f64() {
                            note(format!("{kind}: peak RSS, MiB"), rss);
                        }
                        note(format!("{kind}: megapixels per second"), rate);
                        note(
                            format!("{kind}: megapixels per second of CPU time"),
                            rate_of_cpu,
                        );
                        Ok(())
                    };
                    let once_of = |what: &str, plan: &Path| {
                        let mut command = Command::new(&program);
                        command.args(["--once", what]).arg(slide.path());
                        command.arg(plan).arg(&threads);
                        command
                    };
                    once("pantrk", &mut once_of("pantrk", &access.regions))?;
                    once("pantrk, tiles alone", &mut once_of("tiles", &access.tiles))?;
                    if let Some(turbo) = &turbo {
                        let mut command = Command::new(turbo);
                        command.arg(slide.path()).arg(&access.tiles).arg(&threads);
                        once("libjpeg-turbo, tiles alone", &mut command)?;
                    }
                    if let Some((peer, library)) = &peer {
                        let mut command = Command::new(peer);
                        command.arg(library).arg(slide.path());
                        command.arg(&access.regions).arg(&threads);
                        once("openslide", &mut command)?;
                    }
                }
            }
            let line = tools::run(Command::new(&program).args(["--once", "open"]).arg(&large))?;
            tools::print(&line);
            for (key, kind) in [("milliseconds", "ms"), ("peak_rss_mib", "peak RSS, MiB")] {
                let value = line[key].as_f64().unwrap_or(f64::NAN);
                note(format!("open 12 IFDs of 100,000 tiles: {kind}"), value);
            }
        }
        for (kind, mut values) in all {
            tools::print(&json!({"median": kind, "value": tools::median(&mut values)}));
        }
        Ok(())
    }
}

/// The glass tiles of a phantom share one place in the file.
fn glass(table: &TileTable) -> Option<u64> {
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for offset in &table.offsets {
        *times.entry(*offset).or_default() += 1;
    }
    let (offset, count) = times.into_iter().max_by_key(|(_, count)| *count)?;
    (count > 1).then_some(offset)
}

/// As `decode_tiles.c` wants it, and each tile's column and row in a file beside.
fn write_tiles(table: &TileTable, tiles: &[(u32, u32)], path: &Path) -> Result<(), String> {
    table.write_plan(tiles, path)?;
    let mut text = String::new();
    for (column, row) in tiles {
        writeln!(text, "{column} {row}").map_err(|e| e.to_string())?;
    }
    std::fs::write(path.with_extension("grid.txt"), text).map_err(|e| e.to_string())
}

/// Writes what is to be read: every whole tile with tissue in the file's order, and regions at random places over tissue.
fn plans(slide: &Slide, folder: &Path, side_px: u32) -> Result<[Access; 2], String> {
    let table = TileTable::of(slide)?;
    let size = slide.levels().first().ok_or("no level")?.size;
    let glass = glass(&table);
    let side = table.side;
    let (columns, rows) = (size.width / side, size.height / side);
    let holds = |column, row| Some(table.offsets[table.index(column, row)]) != glass;
    let path = |name: &str| folder.join(format!("{name}-{side_px}.txt"));

    let tissue: Vec<(u32, u32)> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (column, row)))
        .filter(|&(column, row)| holds(column, row))
        .collect();
    let mut aligned = Access {
        name: "aligned tiles in order",
        regions: path("aligned-regions"),
        tiles: path("aligned-tiles"),
        megapixels: 0.0,
    };
    let rects = tissue
        .iter()
        .map(|&(column, row)| (column * side, row * side, side));
    aligned.megapixels = write_regions(rects, &aligned.regions)?;
    write_tiles(&table, &tissue, &aligned.tiles)?;

    let mut random = Access {
        name: "random 512 x 512",
        regions: path("random-regions"),
        tiles: path("random-tiles"),
        megapixels: 0.0,
    };
    let mut state = 1_u64;
    let mut draw = |below: u32| {
        // Knuth's MMIX generator; its upper bits are good enough for places.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(below)) as u32
    };
    let (mut places, mut behind) = (Vec::new(), Vec::new());
    while places.len() < REGIONS {
        let (x, y) = (draw(size.width - REGION), draw(size.height - REGION));
        let over = |at: u32| at / side..=(at + REGION - 1) / side;
        let touched: Vec<(u32, u32)> = over(y)
            .flat_map(|row| over(x).map(move |column| (column, row)))
            .collect();
        // No part of the region may be glass, which decodes faster than anything.
        if touched.iter().all(|&(column, row)| holds(column, row)) {
            places.push((x, y, REGION));
            behind.extend(touched);
        }
    }
    random.megapixels = write_regions(places.into_iter(), &random.regions)?;
    write_tiles(&table, &behind, &random.tiles)?;
    Ok([aligned, random])
}

/// Writes squares as `x y width height`; returns their megapixels.
fn write_regions(
    squares: impl Iterator<Item = (u32, u32, u32)>,
    path: &Path,
) -> Result<f64, String> {
    let (mut text, mut megapixels) = (String::new(), 0.0);
    for (x, y, side) in squares {
        writeln!(text, "{x} {y} {side} {side}").map_err(|e| e.to_string())?;
        megapixels += f64::from(side) * f64::from(side) / 1e6;
    }
    std::fs::write(path, text).map_err(|e| e.to_string())?;
    Ok(megapixels)
}

fn lines<const N: usize>(path: &str) -> Result<Vec<[u32; N]>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    text.lines()
        .map(|line| {
            let numbers: Vec<u32> = line.split(' ').map(number).collect::<Result<_, _>>()?;
            numbers
                .try_into()
                .map_err(|_numbers| format!("{N} numbers in a line are wanted, found {line:?}"))
        })
        .collect()
}

/// Opens a slide, runs `work` over all items on so many threads and prints what it took.
fn timed<T: Sync>(
    slide: &str,
    items: &[T],
    threads: &str,
    work: impl Fn(&Slide, &T, &mut RgbBuffer) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(number(threads)?)
        .build()
        .map_err(|e| e.to_string())?;
    let started = Instant::now();
    let slide = Slide::open(slide).map_err(|e| e.to_string())?;
    let opened = started.elapsed();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let cpu = tools::cpu_seconds();
    let started = Instant::now();
    // One item after the other in order, whichever thread is free, as the peers do it.
    let results: Vec<Result<(), String>> = pool.broadcast(|_| {
        let mut out = RgbBuffer::new();
        while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            work(&slide, item, &mut out)?;
        }
        Ok(())
    });
    let seconds = started.elapsed().as_secs_f64();
    results.into_iter().collect::<Result<(), String>>()?;
    tools::print(&json!({
        "threads": number::<usize>(threads)?,
        "regions": items.len(),
        "open_ms": opened.as_secs_f64() * 1e3,
        "seconds": seconds,
        "cpu_seconds": tools::cpu_seconds().zip(cpu).map(|(after, before)| after - before),
        "peak_rss_mib": tools::peak_rss_mib(),
    }));
    Ok(())
}

/// Reads the plan's regions.
fn pantrk(slide: &str, plan: &str, threads: &str) -> Result<(), String> {
    timed(
        slide,
        &lines::<4>(plan)?,
        threads,
        |slide, &[x, y, width, height], out| {
            let rect = LevelRect {
                x: x.into(),
                y: y.into(),
                width,
                height,
            };
            let gaps = slide
                .read_region(LevelIndex(0), rect, out)
                .map_err(|e| e.to_string())?;
            if gaps.is_empty() {
                Ok(())
            } else {
                Err(format!("{rect} was not read whole"))
            }
        },
    )
}

/// Decodes the plan's tiles and does nothing else with them.
fn tiles_alone(slide: &str, plan: &str, threads: &str) -> Result<(), String> {
    let grid = PathBuf::from(plan).with_extension("grid.txt");
    timed(
        slide,
        &lines::<2>(&grid.to_string_lossy())?,
        threads,
        |slide, &[column, row], out| {
            let tile = TileIndex { column, row };
            let state = slide.read_tile(LevelIndex(0), tile, out);
            state.map(|_gap| ()).map_err(|e| e.to_string())
        },
    )
}

/// Opens a file whose tile tables are large, several times; the first one, which reads it from disk, does not count.
fn open(file: &str) -> Result<(), String> {
    let mut times = Vec::new();
    for _ in 0..=OPEN_TIMES {
        let started = Instant::now();
        let slide = Slide::open(file).map_err(|e| e.to_string())?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        if slide.levels().len() != OPEN_PAGES as usize {
            return Err(format!("{} levels were opened", slide.levels().len()));
        }
    }
    times.remove(0);
    tools::print(&json!({
        "what": "open",
        "pages": OPEN_PAGES,
        "tiles_a_page": OPEN_TILES,
        "milliseconds": tools::median(&mut times),
        "peak_rss_mib": tools::peak_rss_mib(),
    }));
    Ok(())
}

/// A `BigTIFF` of [`OPEN_PAGES`] pages with [`OPEN_TILES`] entries in each table, the pixels left out.
fn many_tiles() -> Vec<u8> {
    let mut file = b"II\x2b\0\x08\0\0\0".to_vec();
    file.extend(16_u64.to_le_bytes());
    for page in 0..OPEN_PAGES {
        let start = file.len() as u64;
        // Directory: count, entries, link; then the tables.
        let entries = 10_u64;
        let offsets = start + 8 + entries * 20 + 8;
        let counts = offsets + OPEN_TILES * 8;
        let end = counts + OPEN_TILES * 4;
        file.extend(entries.to_le_bytes());
        let (width, height) = (102_400 - page * 2560, 64_000 - page * 1600);
        for (tag, kind, count, value) in [
            (256_u16, 4_u16, 1_u64, width),
            (257, 4, 1, height),
            // Three times 8, within the entry.
            (258, 3, 3, 0x0008_0008_0008),
            (259, 3, 1, 7),
            (262, 3, 1, 6),
            (277, 3, 1, 3),
            (322, 3, 1, 256),
            (323, 3, 1, 256),
            (324, 16, OPEN_TILES, offsets),
            (325, 4, OPEN_TILES, counts),
        ] {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = if page + 1 == OPEN_PAGES { 0 } else { end };
        file.extend(next.to_le_bytes());
        for tile in 0..OPEN_TILES {
            file.extend((1_000_000_000 + tile * 20_011).to_le_bytes());
        }
        for _ in 0..OPEN_TILES {
            file.extend(20_000_u32.to_le_bytes());
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_many_tiles_is_a_slide() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("many.tif");
        std::fs::write(&path, many_tiles()).unwrap();
        let slide = Slide::open(&path).unwrap();
        assert_eq!(slide.levels().len(), OPEN_PAGES as usize);
        assert_eq!(slide.levels()[0].size.width, 102_400);
    }
}
