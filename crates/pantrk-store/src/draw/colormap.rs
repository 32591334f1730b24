//! Colour maps from `assets/colormaps/`, and the colours of the grades.

/// A colour map: one file with anchors, one row here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColorMap {
    /// As in a heatmap's index.
    pub name: &'static str,
    anchors: &'static str,
}

/// All colour maps: perceptually even, and readable with a colour-vision deficiency and in grey.
pub const COLOR_MAPS: [ColorMap; 3] = [ColorMap::DAB, ColorMap::VIRIDIS, ColorMap::CIVIDIS];

/// Negative, 1+, 2+ and 3+: blue against three steps from yellow to dark red that darken as they rise, so that they stay apart without colour vision.
pub const GRADE_COLOURS: [[u8; 3]; 4] = [
    [0x3f, 0x77, 0xc9],
    [0xf7, 0xc9, 0x3e],
    [0xe8, 0x6a, 0x17],
    [0x9b, 0x10, 0x2e],
];

/// `Negative`, `1+`, `2+`, `3+`.
pub const fn grade_label(grade: u8) -> &'static str {
    match grade {
        0 => "Negative",
        1 => "1+",
        2 => "2+",
        _ => "3+",
    }
}

impl ColorMap {
    /// Pale to brown, for amounts of stain.
    pub const DAB: Self = Self {
        name: "dab",
        anchors: include_str!("../../../../assets/colormaps/dab.txt"),
    };
    /// Dark blue to yellow, for densities.
    pub const VIRIDIS: Self = Self {
        name: "viridis",
        anchors: include_str!("../../../../assets/colormaps/viridis.txt"),
    };
    /// Blue to yellow, the same for all eyes.
    pub const CIVIDIS: Self = Self {
        name: "cividis",
        anchors: include_str!("../../../../assets/colormaps/cividis.txt"),
    };

    /// The map called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        COLOR_MAPS.into_iter().find(|map| map.name == name)
    }

    /// 256 colours from the lowest to the highest value.
    pub fn table(self) -> [[u8; 3]; 256] {
        let anchors: Vec<[f64; 3]> = self
            .anchors
            .lines()
            .filter_map(parse_hex)
            .map(oklab_from_rgb)
            .collect();
        let mut table = [[0; 3]; 256];
        let last = anchors.len().saturating_sub(1);
        for (i, colour) in table.iter_mut().enumerate() {
            let place = i as f64 / 255.0 * last as f64;
            let low = (place as usize).min(last.saturating_sub(1));
            let part = place - low as f64;
            if let (Some(a), Some(b)) = (anchors.get(low), anchors.get((low + 1).min(last))) {
                *colour = rgb_from_oklab([0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * part));
            }
        }
        table
    }
}

/// `#rrggbb`; `None` for a comment.
fn parse_hex(line: &str) -> Option<[u8; 3]> {
    let hex = line.trim().strip_prefix('#').filter(|h| h.len() == 6)?;
    let value = u32::from_str_radix(hex, 16).ok()?;
    let [_, r, g, b] = value.to_be_bytes();
    Some([r, g, b])
}

/// `OKLab` by B. Ottosson (2020): lightness 0 to 1, green-red, blue-yellow.
fn oklab_from_rgb(rgb: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.040_45 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    });
    let long = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let medium = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let short = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * long + 0.793_617_785_0 * medium - 0.004_072_046_8 * short,
        1.977_998_495_1 * long - 2.428_592_205_0 * medium + 0.450_593_709_9 * short,
        0.025_904_037_1 * long + 0.782_771_766_2 * medium - 0.808_675_766_0 * short,
    ]
}

fn rgb_from_oklab([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let medium = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701_0 * short,
    ]
    .map(|v| {
        let v = v.clamp(0.0, 1.0);
        let v = if v <= 0.003_130_8 {
            12.92 * v
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        };
        (v * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_start_and_end_at_their_anchors() {
        let viridis = ColorMap::VIRIDIS.table();
        assert_eq!(viridis[0], [0x44, 0x01, 0x54]);
        assert_eq!(viridis[255], [0xfd, 0xe7, 0x25]);
        // The published middle of viridis.
        for (found, wanted) in viridis[127].into_iter().zip([0x21, 0x90, 0x8c]) {
            assert!(i32::from(found).abs_diff(wanted) <= 2, "{:?}", viridis[127]);
        }
        assert_eq!(ColorMap::by_name("cividis"), Some(ColorMap::CIVIDIS));
        assert_eq!(ColorMap::by_name("jet"), None);
    }

    /// Even steps of lightness are what makes a map honest in grey and for every eye.
    #[test]
    fn lightness_runs_one_way_in_even_steps() {
        for map in COLOR_MAPS {
            let light: Vec<f64> = map.table().map(|c| oklab_from_rgb(c)[0]).to_vec();
            let span = light[255] - light[0];
            assert!(span.abs() > 0.5, "{}: {span}", map.name);
            for i in (0..=224).step_by(32) {
                let step = (light[(i + 31).min(255)] - light[i]) / span * 255.0 / 31.0;
                assert!((0.6..1.5).contains(&step), "{} at {i}: {step}", map.name);
            }
        }
    }

    #[test]
    fn positive_grades_darken_as_they_rise() {
        let light = GRADE_COLOURS.map(|c| oklab_from_rgb(c)[0]);
        assert!(
            light[1] > light[2] + 0.1 && light[2] > light[3] + 0.1,
            "{light:?}"
        );
    }
}
