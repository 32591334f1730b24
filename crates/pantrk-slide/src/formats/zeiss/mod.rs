//! Zeiss CZI, as slide scanners write it.
//!
//! Written by: Zeiss Axioscan, Axio Scan.Z1, ZEN.
//! Source of the facts: the CZI file format as libCZI documents it (segments `ZISRAWFILE`, `ZISRAWDIRECTORY`, `ZISRAWSUBBLOCK`, `ZISRAWMETADATA`), OpenSlide's documentation of its reader.
//! Recognised by: the word `ZISRAWFILE` at the beginning.
//! Levels: subblocks of one reduction (their logical against their stored size); each has a place of its own, those later in the mosaic are on top. Of several scenes all are shown, each where it was scanned; of several focal planes and times the first.
//! Origin: the left and upper end of what was scanned.
//! Pixel size: `Scaling/Items/Distance` of the metadata, in metres.
//! Known gaps: JPEG XR (no maintained decoder exists), LZW, 16 bits and floats (fluorescence), files in several parts, attachments besides JPEG thumbnails.

mod level;
mod segments;

use std::collections::BTreeMap;

use pantrk_space::{MicronsPerPixel, SlideMpp};

use level::CziLevel;
use segments::{Directory, Subblock};

use super::{Candidate, beside};
use crate::error::Fault;
use crate::store::{Associated, Parts, TileStore};

pub(super) const VENDOR: &str = "zeiss";

/// Reductions that a slide has; real ones have about eight.
const MAX_LEVELS: usize = 64;

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    if candidate.head.starts_with(segments::FILE) {
        Ok(())
    } else {
        Err("no ZISRAWFILE at the beginning".to_owned())
    }
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let source = &candidate.source;
    let directory = Directory::read(source, candidate.limits.max_metadata_bytes)?;
    let blocks: Vec<Subblock> = directory
        .subblocks
        .iter()
        .filter(|block| block.is_first_plane)
        .copied()
        .collect();
    if blocks.iter().any(|block| block.channel > 0) {
        return Err(Fault::Unsupported {
            what: "a CZI file of several channels (fluorescence)".to_owned(),
            advice: "export the brightfield scan".to_owned(),
        });
    }
    let left = blocks.iter().map(|b| b.x).min().unwrap_or(0);
    let top = blocks.iter().map(|b| b.y).min().unwrap_or(0);
    // Reductions are powers of two, but the sizes they are read from are rounded.
    let mut groups: BTreeMap<u32, Vec<Subblock>> = BTreeMap::new();
    for block in blocks {
        let exponent = block.reduction_exponent().ok_or_else(|| {
            broken(format!(
                "a subblock of {} pixels for {} x {}",
                block.stored, block.width, block.height
            ))
        })?;
        groups.entry(exponent).or_default().push(block);
    }
    if !groups.contains_key(&0) {
        return Err(broken("the file has no pixels at full size"));
    }
    Fault::within(
        "levels of a CZI file",
        groups.len() as u64,
        MAX_LEVELS as u64,
    )?;
    let extent = |blocks: &[Subblock]| {
        let right = blocks.iter().map(Subblock::right).max().unwrap_or(left);
        let bottom = blocks.iter().map(Subblock::bottom).max().unwrap_or(top);
        (right.saturating_sub(left), bottom.saturating_sub(top))
    };
    let whole = groups.get(&0).map_or((0, 0), |blocks| extent(blocks));
    let levels = groups
        .into_iter()
        .map(|(exponent, blocks)| {
            let level = CziLevel::new(
                source,
                exponent,
                (left, top),
                whole,
                blocks,
                &candidate.limits,
            )?;
            Ok(Box::new(level) as Box<dyn TileStore>)
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut properties = BTreeMap::new();
    let mut mpp = None;
    let mut objective_power = None;
    if let Some(xml) = directory.metadata(source, candidate.limits.max_metadata_bytes)? {
        let document = roxmltree::Document::parse(&xml)
            .map_err(|error| broken(format!("the metadata: {error}")))?;
        mpp = scaling(&document);
        objective_power = power(&document);
        flatten(document.root_element(), "zeiss", 0, &mut properties);
    }
    let associated: Vec<Associated> = directory
        .attachments(source, candidate.limits.max_tile_bytes)?
        .into_iter()
        .filter_map(|(name, bytes)| beside::jpeg_image(bytes, name, &candidate.limits))
        .collect();
    Ok(Parts {
        format: "Zeiss CZI".to_owned(),
        levels,
        properties,
        mpp: mpp.map(|mpp| (mpp, "zeiss.Scaling")),
        objective_power,
        associated,
        icc_profile: None,
    })
}

type Node<'a, 'b> = roxmltree::Node<'a, 'b>;

fn find<'a, 'b>(document: &'a roxmltree::Document<'b>, name: &str) -> Option<Node<'a, 'b>> {
    document.descendants().find(|node| node.has_tag_name(name))
}

/// Metres per pixel along x and y.
fn scaling(document: &roxmltree::Document<'_>) -> Option<SlideMpp> {
    let items = find(document, "Scaling")?
        .descendants()
        .filter(|node| node.has_tag_name("Distance"))
        .filter_map(|node| {
            let value = node
                .children()
                .find(|child| child.has_tag_name("Value"))?
                .text()?;
            Some((node.attribute("Id")?, value.trim().parse::<f64>().ok()?))
        });
    let (mut x, mut y) = (None, None);
    for (axis, metres) in items {
        match axis {
            "X" => x = MicronsPerPixel::new(metres * 1e6),
            "Y" => y = MicronsPerPixel::new(metres * 1e6),
            _ => {}
        }
    }
    Some(SlideMpp { x: x?, y: y? })
}

fn power(document: &roxmltree::Document<'_>) -> Option<f64> {
    let text = find(document, "NominalMagnification")?.text()?;
    text.trim()
        .parse()
        .ok()
        .filter(|power: &f64| power.is_finite() && *power > 0.0)
}

/// Leaves of the metadata's information on the image, as `zeiss.<path>`; who made the scan is not passed on.
fn flatten(
    node: Node<'_, '_>,
    prefix: &str,
    depth: usize,
    properties: &mut BTreeMap<String, String>,
) {
    if depth > 12 || properties.len() > 500 {
        return;
    }
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        if matches!(
            name,
            "User"
                | "UserName"
                | "Document"
                | "Experiment"
                | "HardwareSetting"
                | "CustomAttributes"
        ) {
            continue;
        }
        let key = format!("{prefix}.{name}");
        match child.text().map(str::trim) {
            Some(text) if !text.is_empty() && text.len() <= 256 => {
                properties.entry(key).or_insert_with(|| text.to_owned());
            }
            _ => flatten(child, &key, depth.saturating_add(1), properties),
        }
    }
}
