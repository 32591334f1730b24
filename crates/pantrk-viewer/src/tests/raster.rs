//! Pictures of the viewer without a screen or a graphics card: egui's triangles, filled one by one.
//!
//! The same bytes on every machine, so that snapshots need no driver.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use egui::epaint::{ImageData, Primitive, Vertex};
use egui::{Color32, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;

struct Texture {
    size: [usize; 2],
    pixels: Vec<Color32>,
}

/// The textures that the viewer has made; shared between the harness and the test.
#[derive(Clone, Default)]
pub(super) struct Raster {
    textures: Rc<RefCell<HashMap<TextureId, Texture>>>,
    freed: Vec<TextureId>,
}

impl TestRenderer for Raster {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut textures = self.textures.borrow_mut();
        // What the frame before gave up was painted by then.
        for id in self.freed.drain(..) {
            textures.remove(&id);
        }
        let sets = delta.set.drain();
        for (id, set) in sets.flat_map(|(id, sets)| sets.into_iter().map(move |set| (id, set))) {
            let ImageData::Color(image) = &set.image;
            match set.pos {
                None => {
                    let texture = Texture {
                        size: image.size,
                        pixels: image.pixels.clone(),
                    };
                    textures.insert(id, texture);
                }
                Some([left, top]) => {
                    let texture = textures.get_mut(&id).unwrap();
                    for y in 0..image.size[1] {
                        let from = y * image.size[0];
                        let to = (top + y) * texture.size[0] + left;
                        texture.pixels[to..to + image.size[0]]
                            .copy_from_slice(&image.pixels[from..from + image.size[0]]);
                    }
                }
            }
        }
        self.freed.extend(delta.free.drain());
    }
}

impl Raster {
    /// The last frame as pixels.
    pub(super) fn picture(
        &self,
        ctx: &egui::Context,
        output: &egui::FullOutput,
    ) -> image::RgbImage {
        let scale = output.pixels_per_point;
        let size = ctx.content_rect().size() * scale;
        let (width, height) = (size.x.round() as usize, size.y.round() as usize);
        let mut canvas = Canvas {
            width,
            height,
            pixels: vec![[0.0; 3]; width * height],
        };
        let textures = self.textures.borrow();
        for part in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = part.primitive else {
                continue;
            };
            let Some(texture) = textures.get(&mesh.texture_id) else {
                continue;
            };
            let clip = part.clip_rect * scale;
            let clip = [
                (clip.left().round().max(0.0) as usize).min(width),
                (clip.top().round().max(0.0) as usize).min(height),
                (clip.right().round().max(0.0) as usize).min(width),
                (clip.bottom().round().max(0.0) as usize).min(height),
            ];
            for corners in mesh.indices.chunks_exact(3) {
                let corners = [0, 1, 2].map(|i| mesh.vertices[corners[i] as usize]);
                canvas.triangle(corners, scale, texture, clip);
            }
        }
        image::RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let pixel = canvas.pixels[y as usize * width + x as usize];
            image::Rgb(pixel.map(|v| v.round().clamp(0.0, 255.0) as u8))
        })
    }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    fn triangle(&mut self, v: [Vertex; 3], scale: f32, texture: &Texture, clip: [usize; 4]) {
        let p = v.map(|v| [v.pos.x * scale, v.pos.y * scale]);
        let cross = |a: [f32; 2], b: [f32; 2], c: [f32; 2]| {
            (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        };
        let area = cross(p[0], p[1], p[2]);
        if area.abs() < 1e-6 {
            return;
        }
        let bound = |k: usize, low: usize, high: usize| {
            let of = |pick: fn(f32, f32) -> f32| p.iter().map(|p| p[k]).reduce(pick).unwrap();
            let first = (of(f32::min).floor().max(0.0) as usize).max(low);
            let end = (of(f32::max).ceil().max(0.0) as usize).min(high);
            first..end
        };
        for y in bound(1, clip[1], clip[3].min(self.height)) {
            for x in bound(0, clip[0], clip[2].min(self.width)) {
                let at = [x as f32 + 0.5, y as f32 + 0.5];
                let weights = [
                    cross(p[1], p[2], at) / area,
                    cross(p[2], p[0], at) / area,
                    cross(p[0], p[1], at) / area,
                ];
                // Pixels on a shared edge belong to one of the two triangles alone.
                if weights.iter().any(|w| *w < 0.0) || (weights[2] == 0.0 && area < 0.0) {
                    continue;
                }
                let mix = |of: &dyn Fn(&Vertex) -> f32| -> f32 {
                    v.iter().zip(weights).map(|(v, w)| of(v) * w).sum()
                };
                let texel = texture.sample(mix(&|v| v.uv.x), mix(&|v| v.uv.y));
                let channel = |k: usize| mix(&|v| f32::from(v.color.to_array()[k])) / 255.0;
                let alpha = channel(3) * texel[3] / 255.0;
                let pixel = &mut self.pixels[y * self.width + x];
                for k in 0..3 {
                    pixel[k] = channel(k) * texel[k] + pixel[k] * (1.0 - alpha);
                }
            }
        }
    }
}

impl Texture {
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        let [width, height] = self.size;
        let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        let at = |dx: i32, dy: i32| {
            let x = (x.floor() as i32 + dx).clamp(0, width as i32 - 1) as usize;
            let y = (y.floor() as i32 + dy).clamp(0, height as i32 - 1) as usize;
            self.pixels[y * width + x].to_array().map(f32::from)
        };
        let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        std::array::from_fn(|k| {
            let top = a[k] + (b[k] - a[k]) * fx;
            let bottom = c[k] + (d[k] - c[k]) * fx;
            top + (bottom - top) * fy
        })
    }
}
