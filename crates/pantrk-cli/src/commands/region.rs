//! `pantrk region SLIDE --level L --x X --y Y --width W --height H --out FILE.png`

use std::path::PathBuf;

use clap::Args;
use pantrk_space::{LevelIndex, LevelRect, RegionReader as _, RgbBuffer, SlidePoint};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::{check_output_file, open_slide};
use crate::output::{print, say};

/// Cuts a region of pixels out of a slide; x and y are level-0 pixels, the size is in pixels of the level.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk region slide.svs --level 0 --x 5000 --y 4000 --width 1024 --height 1024 --out region.png
  pantrk region slide.svs --level 2 --x 0 --y 0 --width 800 --height 600 --out corner.png")]
pub(crate) struct Region {
    /// The slide
    slide: PathBuf,
    /// The level, 0 the sharpest
    #[arg(long, default_value_t = 0)]
    level: usize,
    /// Left edge in level-0 pixels
    #[arg(long, allow_negative_numbers = true)]
    x: i64,
    /// Top edge in level-0 pixels
    #[arg(long, allow_negative_numbers = true)]
    y: i64,
    /// Columns, in pixels of the level
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    width: u32,
    /// Rows, in pixels of the level
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    height: u32,
    /// The PNG to write
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
}

impl Region {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        check_output_file(&self.out, &self.slide)?;
        let slide = open_slide(&self.slide)?;
        let level = slide.levels().get(self.level).ok_or_else(|| {
            Failure::usage(format!(
                "there is no level {}: the slide has levels 0 to {}",
                self.level,
                slide.levels().len().saturating_sub(1)
            ))
        })?;
        let corner = level.downsample.level_from_slide(SlidePoint {
            x: self.x as f64,
            y: self.y as f64,
        });
        let rect = LevelRect {
            x: corner.x.floor() as i64,
            y: corner.y.floor() as i64,
            width: self.width,
            height: self.height,
        };
        if rect.intersection(&LevelRect::of_size(level.size)).is_none() {
            return Err(Failure::usage(format!(
                "the region {rect} lies outside level {} of {} px: {}",
                self.level,
                level.size,
                self.slide.display()
            )));
        }
        let mut pixels = RgbBuffer::new();
        let gaps = slide
            .read_region(LevelIndex(self.level), rect, &mut pixels)
            .or_exit(Exit::Usage)?;
        pantrk_store::write_thumbnail(&self.out, &pixels).or_exit(Exit::SomeFailed)?;
        print(&format!(
            "{} x {} px: {}",
            self.width,
            self.height,
            self.out.display()
        ));
        let unread: Vec<_> = gaps.iter().filter(|gap| gap.is_unreadable()).collect();
        for gap in &unread {
            if let pantrk_space::GapKind::Unreadable { tile, reason } = &gap.kind {
                say(&format!(
                    "pantrk: tile {}, {} could not be read and is magenta: {reason}",
                    tile.column, tile.row
                ));
            }
        }
        Ok(if unread.is_empty() {
            Exit::Good
        } else {
            Exit::SomeFailed
        })
    }
}
