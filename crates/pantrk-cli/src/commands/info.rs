//! `pantrk info SLIDE`

use std::path::PathBuf;

use clap::Args;
use pantrk_slide::Slide;
use pantrk_space::RegionReader as _;
use serde_json::json;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::open_slide;
use crate::output::{print, table};

/// Shows a slide's format, levels, pixel size, properties (OpenSlide's key names) and associated images.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk info slide.svs
  pantrk info slide.svs --json")]
pub(crate) struct Info {
    /// The slide; in builds with the feature `cloud` also an address, https:// or s3://
    slide: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let slide = open_slide(&self.slide)?;
        if self.json {
            let text = serde_json::to_string_pretty(&as_json(&slide)).or_exit(Exit::SomeFailed)?;
            print(&text);
        } else {
            print(&as_text(&slide));
        }
        Ok(Exit::Good)
    }
}

fn as_json(slide: &Slide) -> serde_json::Value {
    let levels: Vec<_> = slide
        .levels()
        .iter()
        .map(|level| {
            json!({
                "width": level.size.width, "height": level.size.height,
                "downsample": level.downsample.get(),
                "tile_width": level.tile.map(|t| t.width), "tile_height": level.tile.map(|t| t.height),
            })
        })
        .collect();
    let associated: Vec<_> = slide
        .associated_images()
        .iter()
        .map(|image| json!({"name": image.name, "width": image.size.width, "height": image.size.height}))
        .collect();
    json!({
        "path": slide.path(), "vendor": slide.vendor(), "format": slide.format(),
        "width": slide.size().width, "height": slide.size().height,
        "mpp_x": slide.mpp().map(|m| m.x.get()), "mpp_y": slide.mpp().map(|m| m.y.get()),
        "mpp_source": slide.mpp_source(), "objective_power": slide.objective_power(),
        "levels": levels, "associated_images": associated,
        "icc_profile_bytes": slide.icc_profile().map(<[u8]>::len),
        "fingerprint": slide.fingerprint(), "properties": slide.properties(),
    })
}

fn as_text(slide: &Slide) -> String {
    let mpp = match (slide.mpp(), slide.mpp_source()) {
        (Some(mpp), source) => format!(
            "{} x {} um ({})",
            mpp.x.get(),
            mpp.y.get(),
            source.unwrap_or("unknown source")
        ),
        (None, _) => "not in the file; give --mpp when scoring".to_owned(),
    };
    let mut text = format!(
        "{}\nformat      {}\nlevel 0     {} px\npixel size  {mpp}\n",
        slide.path().display(),
        slide.format(),
        slide.size()
    );
    if let Some(power) = slide.objective_power() {
        text.extend([format!("objective   {power}x\n")]);
    }
    let mut rows = vec![
        ["level", "size", "downsample", "tile"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(slide.levels().iter().enumerate().map(|(i, level)| {
        vec![
            i.to_string(),
            level.size.to_string(),
            format!("{:.4}", level.downsample.get()),
            level.tile.map_or_else(|| "-".to_owned(), |t| t.to_string()),
        ]
    }));
    text.extend([format!("\n{}\n", table(&rows))]);
    for image in slide.associated_images() {
        text.extend([format!(
            "\nassociated image {}: {} px",
            image.name, image.size
        )]);
    }
    text.push_str("\n\n");
    let properties: Vec<_> = slide
        .properties()
        .iter()
        .map(|(k, v)| format!("{k} = {v}"))
        .collect();
    text.push_str(&properties.join("\n"));
    text
}
