//! A network and its head as a segmenter.

use pantrk_nn::{InputSource, Model, ModelWorker};
use pantrk_space::{LevelSize, Microns, MicronsPerPixel};

use super::heads::{HEADS, Head, HeadWorker, Maps, head_by_kind};
use super::{LabelImage, PatchInput, SegmentError, SegmentWorker, Segmenter};

/// Finds nuclei with a [`Model`] and the head that its manifest names.
pub struct OnnxSegmenter {
    model: Model,
    head: Box<dyn Head>,
}

impl std::fmt::Debug for OnnxSegmenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxSegmenter")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// A nucleus of 20 um whose centre lies at the core's edge is whole, with some of its surroundings for the network to see.
const HALO: Microns = Microns::new(16.0);

impl OnnxSegmenter {
    /// Joins a model with the head that its manifest names.
    ///
    /// # Errors
    /// If there is no such head, it does not take the model's output or parameters, or a patch is no larger than its halo.
    pub fn new(model: Model) -> Result<Self, SegmentError> {
        let manifest = model.manifest();
        let kind = &manifest.head.kind;
        let entry = head_by_kind(kind).ok_or_else(|| SegmentError::UnknownHead {
            model: manifest.name.clone(),
            found: kind.clone(),
            known: HEADS.iter().map(|h| h.kind).collect::<Vec<_>>().join(", "),
        })?;
        let outputs = manifest.outputs.as_slice();
        let channels: usize = outputs.iter().map(|o| o.channels).sum();
        let stride = outputs.first().map_or(1, |output| output.stride);
        let fits = channels == entry.channels
            && outputs.iter().all(|o| o.stride == stride)
            && entry.strides.contains(&stride);
        if !fits {
            let found: Vec<String> = outputs
                .iter()
                .map(|o| format!("{} channels at stride {}", o.channels, o.stride))
                .collect();
            let strides: Vec<String> = entry.strides.iter().map(u32::to_string).collect();
            return Err(SegmentError::HeadOutput {
                model: manifest.name.clone(),
                head: entry.kind,
                found: found.join(" and "),
                wanted: format!(
                    "{} channels at stride {}",
                    entry.channels,
                    strides.join(" or ")
                ),
            });
        }
        let head = entry
            .build(&manifest.head.parameters, manifest.input.mpp)
            .map_err(|reason| SegmentError::HeadParameters {
                model: manifest.name.clone(),
                head: entry.kind,
                reason,
            })?;
        let segmenter = Self { model, head };
        let (input, halo) = (&segmenter.model.manifest().input, segmenter.halo());
        if input.patch <= 2 * halo {
            return Err(SegmentError::PatchTooSmall {
                model: segmenter.name().to_owned(),
                found: input.patch,
                wanted: 2 * halo,
                halo,
            });
        }
        Ok(segmenter)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

impl Segmenter for OnnxSegmenter {
    fn name(&self) -> &str {
        &self.model.manifest().name
    }

    fn mpp(&self) -> MicronsPerPixel {
        self.model.manifest().input.mpp
    }

    fn patch_size(&self) -> Option<LevelSize> {
        let edge = self.model.manifest().input.patch;
        Some(LevelSize {
            width: edge,
            height: edge,
        })
    }

    fn takes(&self, size: LevelSize) -> bool {
        self.model.takes(size)
    }

    fn halo(&self) -> u32 {
        HALO.pixels_at(self.mpp()).ceil() as u32
    }

    fn worker(&self) -> Box<dyn SegmentWorker> {
        Box::new(Worker {
            shared: self.model.clone(),
            model: self.model.worker(),
            head: self.head.worker(),
            joined: Vec::new(),
        })
    }
}

struct Worker {
    shared: Model,
    model: ModelWorker,
    head: Box<dyn HeadWorker>,
    /// The maps of several outputs, one after the other.
    joined: Vec<f32>,
}

impl SegmentWorker for Worker {
    fn segment(&mut self, patch: PatchInput<'_>, out: &mut LabelImage) -> Result<(), SegmentError> {
        let edge = self.model.manifest().input.patch;
        let wanted = LevelSize {
            width: edge,
            height: edge,
        };
        let found = patch.rgb.size();
        if !self.shared.takes(found) {
            return Err(SegmentError::PatchSize {
                segmenter: self.model.manifest().name.clone(),
                what: "patch",
                found,
                wanted,
            });
        }
        self.model
            .run_patch(InputSource {
                rgb: patch.rgb,
                hematoxylin: &patch.stains.hematoxylin,
            })
            .map_err(|source| SegmentError::Model {
                segmenter: self.model.manifest().name.clone(),
                source,
            })?;
        let outputs = &self.shared.manifest().outputs;
        let values = if outputs.len() == 1 {
            self.model.output(0)
        } else {
            self.joined.clear();
            for index in 0..outputs.len() {
                self.joined.extend_from_slice(self.model.output(index));
            }
            &self.joined
        };
        let stride = outputs.first().map_or(1, |output| output.stride);
        let maps = Maps {
            width: (found.width / stride) as usize,
            height: (found.height / stride) as usize,
            stride: stride as usize,
            values,
        };
        self.head.label(maps, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
