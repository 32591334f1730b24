//! Any rectangle of a phantom: pixels, nucleus labels and the sums from which truth is made.
//!
//! **Architecture invariant:** a pixel depends on the specification and its place alone; a rectangle rendered by itself is the same, byte for byte, as cut from a larger one.

use std::sync::LazyLock;

use crate::PhantomError;
use crate::artefacts::{self, Artefact, Place};
use crate::cells::{Cell, CellKey, CellKind, CellMaker};
use crate::layout::{Fields, Layout};
use crate::noise::{Granules, Strands, Texture, smoothstep};
use crate::optics::{Optics, blur3};
use crate::spec::{ArtefactKind, SlideSpec};

/// Spacing in um of the lattice on which the smooth fields are computed; between, they are linear.
const LATTICE_UM: f32 = 4.0;
/// An artefact changes nothing further outside than this, in um.
const ARTEFACT_MARGIN_UM: f32 = 25.0;
/// Half the width of the nuclear rim band in um.
const RIM_HALF_UM: f32 = 0.5;
/// No nucleus comes nearer than this to its cell's border, in um.
const CONTACT_UM: f32 = 0.15;
/// Width in um of the membrane band inside a cell's border.
const MEMBRANE_UM: f32 = 1.0;

/// Textures that all phantoms share; places are shifted by the seed.
struct Textures {
    /// Warp x, warp y, chromatin, grain.
    fine: Texture,
    /// Edge raggedness, mottling, stain unevenness, hue.
    coarse: Texture,
    granules: Granules,
    strands: Strands,
}

static TEXTURES: LazyLock<Textures> = LazyLock::new(|| Textures {
    fine: Texture::new(
        0x0F1E,
        0.25,
        [
            &[(6.5, 1.0), (2.6, 0.42)],
            &[(6.5, 1.0), (2.6, 0.42)],
            &[(1.7, 0.75), (0.85, 1.0)],
            &[(1.4, 0.6), (0.75, 1.0)],
        ],
    ),
    coarse: Texture::new(
        0xC0A5,
        1.0,
        [
            &[(26.0, 1.0), (11.0, 0.7), (5.0, 0.45)],
            &[(9.0, 1.0), (4.5, 0.6)],
            &[(45.0, 1.0), (20.0, 0.5)],
            &[(70.0, 1.0), (30.0, 0.5)],
        ],
    ),
    granules: Granules::new(0x64A1),
    strands: Strands::new(0x57A4),
});

/// A rectangle of the pixel grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelRect {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl PixelRect {
    const fn grown(self, by: usize) -> Self {
        Self {
            x: self.x - by as i64,
            y: self.y - by as i64,
            width: self.width + 2 * by,
            height: self.height + 2 * by,
        }
    }
}

/// Square pixels from the slide's left top corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// Their side in um.
    pub(crate) mpp: f64,
}

impl Grid {
    fn x_um(self, x: i64) -> f32 {
        ((x as f64 + 0.5) * self.mpp) as f32
    }

    fn y_um(self, y: i64) -> f32 {
        ((y as f64 + 0.5) * self.mpp) as f32
    }
}

/// What was painted of one cell, in sums over its pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CellSums {
    /// Pixels of nucleus, nuclear rim, cytoplasm, membrane.
    pub(crate) pixels: [u32; 4],
    /// Sums of DAB optical density over them, haze left out.
    pub(crate) dab: [f64; 4],
    /// Pixels inside the nuclear boundary and the sums of their coordinates.
    pub(crate) nucleus_pixels: u32,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl CellSums {
    pub(crate) fn add(&mut self, other: &Self) {
        for i in 0..4 {
            self.pixels[i] += other.pixels[i];
            self.dab[i] += other.dab[i];
        }
        self.nucleus_pixels += other.nucleus_pixels;
        self.x += other.x;
        self.y += other.y;
    }
}

/// A cell seen in a rectangle.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) key: CellKey,
    pub(crate) kind: CellKind,
    /// The centre's row in um.
    pub(crate) y_um: f32,
    pub(crate) granular: bool,
    pub(crate) sums: CellSums,
}

/// Buffers that a thread reuses.
#[derive(Default)]
pub(crate) struct Scratch {
    warped: Vec<(f32, f32)>,
    texture: Vec<(f32, f32)>,
    first: Vec<f32>,
    second: Vec<f32>,
    owner: Vec<u32>,
    light: Vec<[f32; 3]>,
    soft: Vec<[f32; 3]>,
    blur: Vec<[f32; 3]>,
    nodes: Vec<[f32; Fields::COUNT]>,
    rows: Vec<[f32; Fields::COUNT]>,
    focus: Vec<f32>,
    /// After [`Scene::render`]: per pixel of the rectangle, 0 or 1 + the index in `seen`.
    pub(crate) labels: Vec<u32>,
    /// After [`Scene::render`]: RGB of the rectangle.
    pub(crate) rgb: Vec<u8>,
    /// After [`Scene::render`]: the cells with at least one pixel in the rectangle, in drawing order.
    pub(crate) seen: Vec<Seen>,
}

/// Whether a rectangle shows anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Clear glass: all such tiles are alike.
    Glass,
    /// Something.
    Tissue,
}

/// A phantom that is ready to be rendered.
pub(crate) struct Scene {
    pub(crate) spec: SlideSpec,
    pub(crate) layout: Layout,
    maker: CellMaker,
    optics: Optics,
    pub(crate) artefacts: Vec<(ArtefactKind, Box<dyn Artefact>)>,
    /// Shift of the textures in um.
    shift: (f32, f32),
}

/// What the fields and textures say of one pixel.
struct Spot {
    fields: Fields,
    fine: (f32, f32),
    coarse: [f32; 4],
    x: f32,
    y: f32,
}

impl Scene {
    pub(crate) fn new(spec: &SlideSpec) -> Result<Self, PhantomError> {
        spec.check()?;
        let layout = Layout::new(spec);
        let maker = CellMaker::new(spec, &layout);
        let artefacts = artefacts::place(spec, &layout);
        let shift = ((spec.seed % 509) as f32, (spec.seed / 509 % 499) as f32);
        Ok(Self {
            optics: Optics::new(spec),
            layout,
            maker,
            artefacts,
            shift,
            spec: spec.clone(),
        })
    }

    /// A cell's centre is clear of all artefacts.
    pub(crate) fn is_clear(&self, x: f32, y: f32) -> bool {
        self.artefacts
            .iter()
            .all(|(_, artefact)| artefact.shape().distance(x, y) < -8.0)
    }

    /// Renders a rectangle into `scratch`.
    ///
    /// Of [`Content::Glass`] nothing is written when `skip_glass` is set.
    pub(crate) fn render(
        &self,
        grid: Grid,
        rect: PixelRect,
        scratch: &mut Scratch,
        skip_glass: bool,
    ) -> Content {
        let (_, passes) = self.optics.blur(grid.mpp as f32);
        let near = self.artefacts_near(grid, rect);
        let defocus = near.iter().any(|artefact| artefact.defocuses());
        let halo = passes + if defocus { 9 } else { 0 };
        let big = rect.grown(halo);
        let columns = self.lattice(grid, big, scratch);
        scratch.seen.clear();
        let bare = scratch.nodes.iter().all(|node| node[0] < -28.0);
        if bare && near.is_empty() && skip_glass && self.optics.is_even() {
            return Content::Glass;
        }
        let cells = if bare {
            Vec::new()
        } else {
            self.maker.cells_near(
                &self.layout,
                (grid.x_um(big.x), grid.y_um(big.y)),
                (
                    grid.x_um(big.x + big.width as i64),
                    grid.y_um(big.y + big.height as i64),
                ),
            )
        };
        self.warp(grid, big, scratch);
        compete(grid, big, &cells, scratch);
        self.shade(grid, big, halo, columns, &cells, &near, scratch);
        self.develop(grid, big, halo, defocus, scratch);
        Content::Tissue
    }

    /// The artefacts that may touch a rectangle or its halo.
    fn artefacts_near(&self, grid: Grid, rect: PixelRect) -> Vec<&dyn Artefact> {
        let (x0, y0) = (grid.x_um(rect.x - 16), grid.y_um(rect.y - 16));
        let x1 = grid.x_um(rect.x + rect.width as i64 + 16);
        let y1 = grid.y_um(rect.y + rect.height as i64 + 16);
        let (x, y) = ((x0 + x1) * 0.5, (y0 + y1) * 0.5);
        let radius = (x1 - x).hypot(y1 - y);
        self.artefacts
            .iter()
            .map(|(_, artefact)| artefact.as_ref())
            .filter(|artefact| artefact.shape().is_near(x, y, radius, ARTEFACT_MARGIN_UM))
            .collect()
    }

    /// The smooth fields on the lattice around the rectangle; returns the lattice's columns.
    fn lattice(&self, grid: Grid, rect: PixelRect, scratch: &mut Scratch) -> usize {
        let (x0, y0) = lattice_start(grid, rect);
        let x1 = (grid.x_um(rect.x + rect.width as i64) / LATTICE_UM).floor() as i32 + 2;
        let y1 = (grid.y_um(rect.y + rect.height as i64) / LATTICE_UM).floor() as i32 + 2;
        scratch.nodes.clear();
        for y in y0..y1 {
            for x in x0..x1 {
                let fields = self.layout.at(x as f32 * LATTICE_UM, y as f32 * LATTICE_UM);
                scratch.nodes.push(fields.to_array());
            }
        }
        (x1 - x0) as usize
    }

    /// Fills the warped places and the fine texture of each pixel.
    fn warp(&self, grid: Grid, rect: PixelRect, scratch: &mut Scratch) {
        const STRENGTH: f32 = 0.5;
        scratch.warped.clear();
        scratch.texture.clear();
        for row in 0..rect.height {
            let y = grid.y_um(rect.y + row as i64);
            for column in 0..rect.width {
                let x = grid.x_um(rect.x + column as i64);
                let [wx, wy, chromatin, grain] =
                    TEXTURES.fine.at(x + self.shift.0, y + self.shift.1);
                scratch.warped.push((
                    x + STRENGTH * wx.clamp(-3.0, 3.0),
                    y + STRENGTH * wy.clamp(-3.0, 3.0),
                ));
                scratch.texture.push((chromatin, grain));
            }
        }
    }

    /// Light through each pixel, and the sums of the cells over the rectangle without its halo.
    #[expect(
        clippy::too_many_arguments,
        reason = "one pass over the pixels that joins all that was prepared"
    )]
    fn shade(
        &self,
        grid: Grid,
        big: PixelRect,
        halo: usize,
        columns: usize,
        cells: &[Cell],
        near: &[&dyn Artefact],
        scratch: &mut Scratch,
    ) {
        let pixels = big.width * big.height;
        scratch.light.clear();
        scratch.light.resize(pixels, [0.0; 3]);
        scratch.focus.clear();
        scratch
            .focus
            .resize(if near.is_empty() { 0 } else { pixels }, 0.0);
        let inner_width = big.width - 2 * halo;
        scratch.labels.clear();
        scratch
            .labels
            .resize(inner_width * (big.height - 2 * halo), 0);
        let mut sums = vec![CellSums::default(); cells.len()];
        let (x0, y0) = lattice_start(grid, big);
        for row in 0..big.height {
            let y = grid.y_um(big.y + row as i64);
            let inside_y = row >= halo && row < big.height - halo;
            interpolate_row(
                &scratch.nodes,
                columns,
                y / LATTICE_UM - y0 as f32,
                &mut scratch.rows,
            );
            for column in 0..big.width {
                let i = row * big.width + column;
                let x = grid.x_um(big.x + column as i64);
                let fields = interpolate(&scratch.rows, x / LATTICE_UM - x0 as f32);
                let spot = Spot {
                    fields,
                    fine: scratch.texture[i],
                    coarse: if fields.tissue < -28.0 {
                        [0.0; 4]
                    } else {
                        TEXTURES.coarse.at(x + self.shift.1, y + self.shift.0)
                    },
                    x,
                    y,
                };
                let owner = scratch.owner[i];
                let own = (owner != u32::MAX).then(|| {
                    let cell = &cells[owner as usize];
                    let inner = scratch.first[i];
                    let edge = ((scratch.second[i] - inner) * 0.5).min(cell.expansion - inner);
                    // Where nuclei press on each other a line stays between them.
                    (cell, inner.max(CONTACT_UM - edge), edge)
                });
                let (mut density, dab, tissue) = self.tissue_density(&spot, own);
                let mut hidden = false;
                for artefact in near {
                    let distance = artefact.shape().distance(x, y);
                    if distance > -ARTEFACT_MARGIN_UM {
                        artefact.shade(
                            Place {
                                x,
                                y,
                                distance,
                                tissue,
                            },
                            &mut density,
                        );
                        hidden |= distance > 0.0 && artefact.hides();
                        if artefact.defocuses() {
                            let mask = smoothstep(-14.0, 10.0, distance);
                            scratch.focus[i] = scratch.focus[i].max(mask);
                        }
                    }
                }
                scratch.light[i] = self.optics.transmit(density);
                let inside = inside_y && column >= halo && column < big.width - halo;
                if let (true, Some((_, inner, edge))) = (inside, own)
                    && edge > 0.0
                {
                    let sum = &mut sums[owner as usize];
                    count(sum, inner, edge, dab);
                    if inner < 0.0 {
                        sum.nucleus_pixels += 1;
                        sum.x += (big.x + column as i64) as f64 + 0.5;
                        sum.y += (big.y + row as i64) as f64 + 0.5;
                        let at = (row - halo) * inner_width + column - halo;
                        scratch.labels[at] = if hidden { 0 } else { owner + 1 };
                    }
                }
            }
        }
        finish_cells(cells, &sums, scratch);
    }

    /// Optical density of a pixel, the DAB on it without haze, and how much of it is tissue.
    #[inline]
    fn tissue_density(&self, spot: &Spot, own: Option<(&Cell, f32, f32)>) -> ([f32; 3], f32, f32) {
        let (chromatin, grain) = spot.fine;
        let [ragged, mottle, uneven, hue] = spot.coarse;
        let fields = &spot.fields;
        let edge = fields.tissue + 3.2 * ragged;
        let mut tissue = smoothstep(-0.4, 0.9, edge);
        if tissue <= 0.0 {
            return ([0.0; 3], 0.0, 0.0);
        }
        let (mut h, mut d);
        let own = own.filter(|(_, _, edge)| *edge > 0.0);
        let (matrix_h, matrix_d, solid) = self.matrix(spot);
        match own {
            Some((cell, inner, border)) if cell.kind == CellKind::Tumour => {
                (h, d) = tumour_stain(cell, inner, border, spot);
                // Towards stroma and lumens the cell's edge thins out.
                if cell.expansion - inner < 1.0 {
                    let thick = smoothstep(-0.1, 0.9, cell.expansion - inner + 0.25 * grain);
                    h = matrix_h + (h - matrix_h) * thick;
                    tissue *= solid + (1.0 - solid) * smoothstep(0.0, 0.35, thick);
                }
            }
            Some((cell, inner, _)) => {
                let nucleus = smoothstep(0.3, -0.3, inner);
                let hematoxylin = nucleus_stain(cell, inner, spot);
                h = matrix_h + (hematoxylin - matrix_h) * nucleus;
                if cell.kind == CellKind::Lymphocyte {
                    h = h.max(cell.basophilia);
                }
                // Nuclei in stained bundles hold little of the stain.
                d = matrix_d * (1.0 - 0.75 * nucleus);
                tissue *= solid.max(smoothstep(0.8, 0.2, inner));
            }
            None => {
                h = matrix_h;
                d = matrix_d;
                tissue *= solid;
            }
        }
        h = (h * (1.0 + 0.07 * uneven)).max(0.0);
        d = d.max(0.0);
        let haze = self.spec.haze as f32 * (1.0 + 0.12 * mottle + 0.08 * grain);
        let residual = 0.0035 * hue + 0.004 * chromatin * h;
        let density = self.optics.density(h, d + haze.max(0.0), residual);
        (density.map(|od| od * tissue), d * tissue, tissue)
    }

    /// What lies between cells: hematoxylin, DAB, and how solid it is.
    #[inline]
    fn matrix(&self, spot: &Spot) -> (f32, f32, f32) {
        let fields = &spot.fields;
        let [ragged, mottle, uneven, _] = spot.coarse;
        let counter = self.spec.hematoxylin as f32;
        if fields.tumour > -1.0 {
            // Inside a nest: a lumen is empty, a gap between cells nearly so.
            let lumen = smoothstep(-9.0, -5.0, fields.lumen + 1.5 * ragged);
            let solid = 0.95 - 0.35 * smoothstep(0.7, 1.6, mottle);
            let h = counter * (0.07 + 0.012 * mottle + 0.01 * spot.fine.1);
            return (h, 0.0, solid * (1.0 - lumen));
        }
        let bent = fields.potential + 1.1 * mottle + 2.5 * uneven;
        let strand = TEXTURES.strands.at(bent);
        // A second set of fibres, nearly along the first, breaks the first one's lines.
        let other = TEXTURES
            .strands
            .at(1.6 * bent + 9.0 * uneven + 3.0 * ragged + 300.0);
        let weave = (0.5 + 0.62 * strand + 0.45 * other).clamp(0.0, 1.2);
        let mut h = counter * (0.04 + 0.066 * weave + 0.012 * spot.fine.1);
        let mut d = 0.0;
        let mut solid = 0.78 + 0.22 * smoothstep(-0.5, 0.3, weave - 0.4 + 0.3 * uneven);
        // Tissue shrinks away from nests here and there.
        if fields.tumour > -9.0 && ragged > 1.2 {
            solid *= 1.0 - 0.9 * smoothstep(1.2, 1.5, ragged);
        }
        let nerve = smoothstep(0.0, 3.0, fields.nerve + 1.5 * ragged);
        if nerve > 0.0 {
            let stain = self.spec.nerve_od as f32 * (0.95 + 0.35 * strand + 0.08 * spot.fine.1);
            d = nerve * stain.max(0.0);
            h += nerve * 0.02 * counter;
            solid += (1.0 - solid) * nerve * 0.9;
        }
        let muscle = smoothstep(0.0, 4.0, fields.muscle + 2.0 * ragged);
        if muscle > 0.0 {
            let stain = self.spec.muscle_od as f32 * (1.0 + 0.28 * strand + 0.1 * mottle);
            d = d.max(muscle * stain.max(0.0));
            h += muscle * 0.035 * counter;
            solid += (1.0 - solid) * muscle * 0.85;
        }
        (h.max(0.0), d, solid)
    }

    /// Blur, noise and rounding of the rectangle without its halo.
    fn develop(
        &self,
        grid: Grid,
        big: PixelRect,
        halo: usize,
        defocus: bool,
        scratch: &mut Scratch,
    ) {
        let (weight, passes) = self.optics.blur(grid.mpp as f32);
        blur3(
            &mut scratch.light,
            &mut scratch.blur,
            big.width,
            weight,
            passes,
        );
        if defocus {
            scratch.soft.clear();
            scratch.soft.extend_from_slice(&scratch.light);
            // Nine light passes make about 0.6 um at 0.25 um per pixel.
            blur3(&mut scratch.soft, &mut scratch.blur, big.width, 0.33, 9);
        }
        let width = big.width - 2 * halo;
        let height = big.height - 2 * halo;
        scratch.rgb.clear();
        scratch.rgb.reserve(width * height * 3);
        for row in 0..height {
            let y = big.y + (row + halo) as i64;
            for column in 0..width {
                let i = (row + halo) * big.width + column + halo;
                let mut light = scratch.light[i];
                if defocus {
                    let mask = scratch.focus[i];
                    for (sharp, soft) in light.iter_mut().zip(scratch.soft[i]) {
                        *sharp += (soft - *sharp) * mask;
                    }
                }
                let x = big.x + (column + halo) as i64;
                if !self.optics.is_even() {
                    let lighting = self.optics.lighting(grid.x_um(x), grid.y_um(y));
                    for (value, factor) in light.iter_mut().zip(lighting) {
                        *value *= factor;
                    }
                }
                let noise = self.optics.noise(x, y);
                for (value, n) in light.iter().zip(noise) {
                    scratch.rgb.push((value + n + 0.5) as u8);
                }
            }
        }
    }

    /// A square of clear glass whose corner lies on a multiple of its side.
    pub(crate) fn glass(&self, side: usize) -> Vec<u8> {
        let white = self.optics.white();
        let mut rgb = Vec::with_capacity(side * side * 3);
        for y in 0..side {
            for x in 0..side {
                let noise = self.optics.noise(x as i64, y as i64);
                for (value, n) in white.iter().zip(noise) {
                    rgb.push((value + n + 0.5) as u8);
                }
            }
        }
        rgb
    }

    /// The light of clear glass.
    pub(crate) const fn white(&self) -> [f32; 3] {
        self.optics.white()
    }
}

/// The lattice node at or before the rectangle's first pixel.
fn lattice_start(grid: Grid, rect: PixelRect) -> (i32, i32) {
    (
        (grid.x_um(rect.x) / LATTICE_UM).floor() as i32,
        (grid.y_um(rect.y) / LATTICE_UM).floor() as i32,
    )
}

fn interpolate_row(
    nodes: &[[f32; Fields::COUNT]],
    columns: usize,
    at: f32,
    out: &mut Vec<[f32; Fields::COUNT]>,
) {
    let rows = nodes.len() / columns;
    let row = (at.floor().max(0.0) as usize).min(rows - 2);
    let t = at - row as f32;
    out.clear();
    let upper = &nodes[row * columns..(row + 1) * columns];
    let lower = &nodes[(row + 1) * columns..(row + 2) * columns];
    for (a, b) in upper.iter().zip(lower) {
        let mut node = [0.0; Fields::COUNT];
        for c in 0..Fields::COUNT {
            node[c] = a[c] + (b[c] - a[c]) * t;
        }
        out.push(node);
    }
}

#[inline]
fn interpolate(row: &[[f32; Fields::COUNT]], at: f32) -> Fields {
    let i = (at.floor().max(0.0) as usize).min(row.len() - 2);
    let t = at - i as f32;
    let (a, b) = (&row[i], &row[i + 1]);
    let mut node = [0.0; Fields::COUNT];
    for c in 0..Fields::COUNT {
        node[c] = a[c] + (b[c] - a[c]) * t;
    }
    Fields::from_array(node)
}

/// For each pixel the cell whose nucleus is nearest, and the distances to the two nearest nuclei.
fn compete(grid: Grid, rect: PixelRect, cells: &[Cell], scratch: &mut Scratch) {
    let pixels = rect.width * rect.height;
    for buffer in [&mut scratch.first, &mut scratch.second] {
        buffer.clear();
        buffer.resize(pixels, 1e3);
    }
    scratch.owner.clear();
    scratch.owner.resize(pixels, u32::MAX);
    let (left, top) = (grid.x_um(rect.x), grid.y_um(rect.y));
    let mpp = grid.mpp as f32;
    for (index, cell) in cells.iter().enumerate() {
        let reach = cell.reach();
        let limit = cell.expansion + 0.6;
        let span = |centre: f32, start: f32, length: usize| {
            let low = ((centre - reach - start) / mpp).floor().max(0.0) as usize;
            let high = ((centre + reach - start) / mpp).ceil().max(0.0) as usize;
            (low.min(length), high.min(length))
        };
        let (x0, x1) = span(cell.x, left, rect.width);
        let (y0, y1) = span(cell.y, top, rect.height);
        if x0 >= x1 {
            continue;
        }
        let (ia, ib) = (1.0 / cell.a, 1.0 / cell.b);
        for y in y0..y1 {
            let range = y * rect.width + x0..y * rect.width + x1;
            let warped = &scratch.warped[range.clone()];
            let first = &mut scratch.first[range.clone()];
            let second = &mut scratch.second[range.clone()];
            let owner = &mut scratch.owner[range];
            for (((w, f), s), o) in warped.iter().zip(first).zip(second).zip(owner) {
                let (dx, dy) = (w.0 - cell.x, w.1 - cell.y);
                let u = (dx * cell.cos + dy * cell.sin) * ia;
                let v = (dy * cell.cos - dx * cell.sin) * ib;
                let radial = (u * u + v * v).sqrt() + 1e-6;
                let inverse = 1.0 / radial;
                let (c, n) = (u * inverse, v * inverse);
                let bump = 1.0
                    + cell.bump_cos * c * (4.0 * c * c - 3.0)
                    + cell.bump_sin * n * (3.0 - 4.0 * n * n);
                let steep = ((u * ia) * (u * ia) + (v * ib) * (v * ib)).sqrt() + 1e-9;
                let distance = (radial - bump) * radial / steep;
                // Beyond its reach a cell must not count, or the rectangle's cut would show.
                let distance = if distance > limit { 1e3 } else { distance };
                let nearer = distance < *f;
                let other = if nearer { *f } else { distance };
                *s = if other < *s { other } else { *s };
                *f = if nearer { distance } else { *f };
                *o = if nearer { index as u32 } else { *o };
            }
        }
    }
}

/// Hematoxylin of a nucleus.
#[inline]
fn nucleus_stain(cell: &Cell, inner: f32, spot: &Spot) -> f32 {
    let (chromatin, grain) = spot.fine;
    let pale = cell.vesicular * smoothstep(-0.5, -1.9, inner);
    let texture = cell.contrast * (chromatin + 0.4 * grain);
    let mut h = cell.chromatin * (1.0 - pale + texture);
    let (nx, ny, radius) = cell.nucleolus;
    if radius > 0.0 {
        let distance = (spot.x - cell.x - nx).hypot(spot.y - cell.y - ny);
        h += 0.32 * cell.chromatin * smoothstep(radius + 0.25, radius - 0.3, distance);
    }
    h.max(0.05)
}

/// Hematoxylin and DAB of a tumour cell's pixel.
#[inline]
fn tumour_stain(cell: &Cell, inner: f32, border: f32, spot: &Spot) -> (f32, f32) {
    let (chromatin, grain) = spot.fine;
    let mottle = spot.coarse[1];
    let nucleus = smoothstep(0.25, -0.25, inner);
    let cytoplasm_h = cell.basophilia * (1.0 + 0.22 * mottle + 0.16 * grain)
        + 0.04 * cell.basophilia * smoothstep(0.9, 0.2, border);
    let h = if nucleus > 0.0 {
        cytoplasm_h + (nucleus_stain(cell, inner, spot) - cytoplasm_h) * nucleus
    } else {
        cytoplasm_h
    };
    let paint = &cell.paint;
    // A stained rim is painted a little wider than its band, which blur then eats into; an unstained one leaves room to both sides.
    let stained_rim = paint.rim > paint.nucleus.max(paint.cytoplasm);
    let (deep, shallow, near, far) = if stained_rim {
        (-0.6, -0.5, 0.5, 0.6)
    } else {
        (-0.7, -0.2, 0.25, 0.5)
    };
    if inner < deep {
        return (h, paint.nucleus * (1.0 + 0.13 * chromatin + 0.05 * grain));
    }
    let mut outside = paint.cytoplasm * (1.0 + 0.05 * mottle + 0.10 * grain);
    if paint.granular {
        let granules = &TEXTURES.granules;
        let dots = granules.at(spot.x, spot.y) / granules.mean;
        outside = paint.cytoplasm * (0.34 + 0.66 * dots);
    }
    let line = smoothstep(MEMBRANE_UM, 0.8, border);
    if line > 0.0 && paint.membrane > paint.cytoplasm + 0.005 {
        let membrane = paint.membrane * (1.0 + 0.07 * mottle + 0.06 * grain);
        outside += (membrane - outside) * line;
    }
    if inner > far {
        return (h, outside);
    }
    let rim = paint.rim * (1.0 + 0.08 * chromatin + 0.05 * grain);
    let d = if inner < shallow {
        paint.nucleus + (rim - paint.nucleus) * (inner - deep) / (shallow - deep)
    } else if inner > near {
        rim + (outside - rim) * (inner - near) / (far - near)
    } else {
        rim
    };
    (h, d)
}

/// Adds a pixel to the compartment that it lies in.
#[inline]
fn count(sums: &mut CellSums, inner: f32, border: f32, dab: f32) {
    let compartment = if inner < -RIM_HALF_UM {
        0
    } else if inner <= RIM_HALF_UM {
        1
    } else if border <= MEMBRANE_UM {
        3
    } else {
        2
    };
    sums.pixels[compartment] += 1;
    sums.dab[compartment] += f64::from(dab);
}

/// Keeps the cells that were seen, and numbers the labels after them.
fn finish_cells(cells: &[Cell], sums: &[CellSums], scratch: &mut Scratch) {
    let mut numbers = vec![0_u32; cells.len() + 1];
    for (i, (cell, sums)) in cells.iter().zip(sums).enumerate() {
        if sums.pixels.iter().sum::<u32>() > 0 {
            scratch.seen.push(Seen {
                key: cell.key,
                kind: cell.kind,
                y_um: cell.y,
                granular: cell.paint.granular,
                sums: *sums,
            });
            numbers[i + 1] = scratch.seen.len() as u32;
        }
    }
    for label in &mut scratch.labels {
        *label = numbers[*label as usize];
    }
}
