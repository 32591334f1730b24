//! Milliseconds per megapixel at 0.5 um/px, one thread, for each step of a patch.
//!
//! The throughput that criterion prints is in pixels of the model's patch ("elements"): 1 Melem/s is 1 s per megapixel.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pantrk_core::cell::{CellMeasurer, Measuring, OutlineFitter};
use pantrk_core::segment::heads::{Head, Maps, head_by_kind};
use pantrk_core::segment::{LabelImage, PatchInput, Segmenter as _};
use pantrk_core::stain::{Deconvolver, StainPlanes, StainVectors};
use pantrk_nn::{InputSource, Model};
use pantrk_space::{LevelIndex, LevelRect, MppRequest, RgbBuffer, TileIndex, read_at_mpp};

/// A patch that lies on the slide as a whole.
fn whole(stains: &StainPlanes) -> Measuring<'_> {
    Measuring {
        stains,
        unread: &[],
        on_slide: [0..stains.width, 0..stains.height],
        wanted: [0.0..stains.width as f64, 0.0..stains.height as f64],
        reach: 10,
        weak: 0.2,
    }
}

fn patch(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let slide = pantrk_benches::phantom_slide(folder.path(), 6000)
        .unwrap()
        .with_cache_bytes(0);
    let model = Model::embedded().unwrap();
    let manifest = model.manifest().clone();
    let side = manifest.input.patch;
    let mpp = manifest.input.mpp;
    // The middle of the slide is tissue.
    let request = MppRequest {
        rect: LevelRect {
            x: 1500,
            y: 1500,
            width: side,
            height: side,
        },
        mpp,
        slide_mpp: slide.mpp().unwrap(),
    };
    let mut rgb = RgbBuffer::new();
    read_at_mpp(&slide, &request, &mut rgb).unwrap();
    let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [244.0, 243.0, 245.0]);
    let mut stains = StainPlanes::default();
    deconvolver.separate(&rgb, &mut stains);

    let mut group = criterion.benchmark_group("patch");
    group.throughput(Throughput::Elements(request.rect.area()));
    // Decoding is per level-0 pixel; four of them make one at 0.5 um.
    let tile = slide.levels()[0].tile.unwrap();
    group.bench_function("read and halve (tile decode included)", |b| {
        b.iter(|| read_at_mpp(&slide, &request, black_box(&mut rgb)).unwrap());
    });
    group.bench_function("deconvolution", |b| {
        b.iter(|| deconvolver.separate(black_box(&rgb), &mut stains));
    });
    let mut worker = model.worker();
    let source = InputSource {
        rgb: &rgb,
        hematoxylin: &stains.hematoxylin,
    };
    group.bench_function("inference", |b| {
        b.iter(|| worker.run_patch(black_box(source)).unwrap());
    });
    worker.run_patch(source).unwrap();
    let head: Box<dyn Head> = head_by_kind(&manifest.head.kind)
        .unwrap()
        .build(&manifest.head.parameters, mpp)
        .unwrap();
    let mut head_worker = head.worker();
    let mut labels = LabelImage::default();
    group.bench_function("head", |b| {
        b.iter(|| {
            let maps = Maps {
                width: side as usize,
                height: side as usize,
                stride: 1,
                values: worker.output(0),
            };
            head_worker.label(black_box(maps), &mut labels);
        });
    });
    let segmenter = pantrk_benches::network().unwrap();
    let mut segment_worker = segmenter.worker();
    let input = PatchInput {
        rgb: &rgb,
        stains: &stains,
    };
    segment_worker.segment(input, &mut labels).unwrap();
    let mut fitter = OutlineFitter::default();
    group.bench_function("outlines", |b| {
        // Fitted again, a nucleus changes no more, and takes as long.
        b.iter(|| fitter.fit(black_box(&mut labels), &stains.hematoxylin));
    });
    let mut measurer = CellMeasurer::default();
    group.bench_function("measurement", |b| {
        b.iter(|| measurer.measure(black_box(&labels), &whole(&stains)));
    });
    group.bench_function("whole patch", |b| {
        let mut pixels = RgbBuffer::new();
        let mut planes = StainPlanes::default();
        b.iter(|| {
            read_at_mpp(&slide, &request, &mut pixels).unwrap();
            deconvolver.separate(&pixels, &mut planes);
            let input = PatchInput {
                rgb: &pixels,
                stains: &planes,
            };
            segment_worker.segment(input, &mut labels).unwrap();
            fitter.fit(&mut labels, &planes.hematoxylin);
            measurer.measure(&labels, &whole(&planes))
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("slide");
    group.throughput(Throughput::Elements(tile.area()));
    let middle = TileIndex {
        column: 3000 / tile.width,
        row: 3000 / tile.height,
    };
    group.bench_function("tile decode (level-0 pixels)", |b| {
        b.iter(|| slide.read_tile(LevelIndex(0), middle, &mut rgb).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = patch
}
criterion_main!(benches);
