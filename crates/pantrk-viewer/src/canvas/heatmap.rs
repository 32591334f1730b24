//! The map of one metric over the slide.

use egui::{Color32, Painter};
use pantrk_space::{SlideMpp, SlideRect};
use pantrk_store::HeatmapEntry;

use super::Projector;
use crate::settings::Settings;
use crate::state::{Load, OpenItem, OpenSlide};

/// Draws the chosen map, if it is there and the slide's pixel size is known.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    (open, slide): (&OpenItem, &OpenSlide),
    settings: &Settings,
) {
    let (Some(metric), Some(mpp)) = (&open.heatmap, slide.mpp) else {
        return;
    };
    let entry = open.heatmaps.iter().find(|e| e.metric == *metric);
    let picture = open.heatmap_pictures.get(metric).and_then(Load::ready);
    if let (Some(entry), Some(picture)) = (entry, picture) {
        let tint = Color32::WHITE.gamma_multiply(settings.heatmap_opacity);
        projector.image(painter, picture.id(), area_of(entry, mpp), tint);
    }
}

/// The part of the slide that a map covers.
fn area_of(entry: &HeatmapEntry, mpp: SlideMpp) -> SlideRect {
    SlideRect {
        x: entry.origin_um[0] / mpp.x.get(),
        y: entry.origin_um[1] / mpp.y.get(),
        width: f64::from(entry.map_width) * entry.um_per_pixel / mpp.x.get(),
        height: f64::from(entry.map_height) * entry.um_per_pixel / mpp.y.get(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::MicronsPerPixel;

    #[test]
    fn a_map_lies_where_its_index_says() {
        let entry = HeatmapEntry {
            file: "h_score.png".to_owned(),
            metric: "h_score".to_owned(),
            title: "H-score".to_owned(),
            unit: "0-300".to_owned(),
            min: None,
            max: None,
            colormap: "dab".to_owned(),
            origin_um: [100.0, 50.0],
            um_per_pixel: 2.0,
            map_width: 480,
            map_height: 320,
        };
        let mpp = SlideMpp {
            x: MicronsPerPixel::new(0.25).unwrap(),
            y: MicronsPerPixel::new(0.5).unwrap(),
        };
        let wanted = SlideRect {
            x: 400.0,
            y: 100.0,
            width: 3_840.0,
            height: 1_280.0,
        };
        assert_eq!(area_of(&entry, mpp), wanted);
    }
}
