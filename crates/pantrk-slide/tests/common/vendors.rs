//! Slides of each maker, written from scratch: the same structure as the scanners' files, with pictures that the tests draw.

use std::fmt::Write as _;

use base64::Engine as _;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pantrk_space::{LevelSize, RgbBuffer};

use super::{
    CLASSIC, Kind, Packing, Page, TILE, Value, Writer, crop, jpeg, page_of_packed, page_of_tiles,
    picture, tiled_page,
};

pub const BIG: Kind = Kind {
    big: true,
    motorola: false,
};

pub fn size(width: u32, height: u32) -> LevelSize {
    LevelSize { width, height }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A page in strips of 16 rows.
pub fn strips(writer: &mut Writer, packing: Packing, size: LevelSize) -> Page {
    let truth = picture(size);
    let rows = 16;
    let (mut offsets, mut counts) = (Vec::new(), Vec::new());
    let mut y = 0;
    while y < size.height {
        let height = rows.min(size.height - y);
        let samples = crop(&truth, 0, y, size.width, height);
        let packed = packing.pack(&samples, size.width, height, 3);
        offsets.push(writer.data(&packed) as u32);
        counts.push(packed.len() as u32);
        y += rows;
    }
    let mut page = packing.tags();
    page.extend([
        (256, Value::Long(vec![size.width])),
        (257, Value::Long(vec![size.height])),
        (258, Value::Short(vec![8, 8, 8])),
        (273, Value::Long(offsets)),
        (277, Value::Short(vec![3])),
        (278, Value::Short(vec![rows as u16])),
        (279, Value::Long(counts)),
    ]);
    if let Some(tables) = packing.tables() {
        page.push((347, Value::Bytes(tables)));
    }
    page
}

/// Each two by two pixels as their rounded mean; odd edges repeat.
pub fn halved(picture: &RgbBuffer) -> RgbBuffer {
    let (w, h) = (picture.width(), picture.height());
    let size = size(w.div_ceil(2), h.div_ceil(2));
    let mut out = RgbBuffer::filled(size, [0; 3]);
    for y in 0..size.height {
        for x in 0..size.width {
            let at =
                |dx: u32, dy: u32| picture.pixel((2 * x + dx).min(w - 1), (2 * y + dy).min(h - 1));
            let four = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
            for c in 0..3 {
                let sum: u16 = four.iter().map(|pixel| u16::from(pixel[c])).sum();
                out.row_mut(y)[x as usize * 3 + c] = ((sum + 2) / 4) as u8;
            }
        }
    }
    out
}

fn buffer(size: LevelSize, samples: Vec<u8>) -> RgbBuffer {
    RgbBuffer::from_raw(size, samples).unwrap()
}

/// An SVS with a thumbnail, a reduced level, and a label and a macro without descriptions of their own.
pub fn aperio(description: &str) -> (Writer, RgbBuffer) {
    let truth = picture(size(300, 200));
    let mut writer = Writer::new(CLASSIC);
    let mut page = tiled_page(&mut writer, &truth, Packing::JpegRgb, |_, at, len| {
        (at, len)
    });
    page.push((270, text(description)));
    page.push((34675, Value::Bytes(vec![1, 2, 3, 4, 5])));
    writer.page(page);
    let mut beside = |packing, size, description: &str, subfile| {
        let mut page = strips(&mut writer, packing, size);
        page.push((254, Value::Long(vec![subfile])));
        page.push((270, text(description)));
        writer.page(page);
        if subfile == 0 {
            let half = picture(self::size(75, 50));
            let page = tiled_page(&mut writer, &half, Packing::JpegRgb, |_, at, len| (at, len));
            writer.page(page);
        }
    };
    let thumbnail = "Aperio Image Library v1\n300x200 -> 96x64 - ";
    beside(Packing::JpegRgb, size(96, 64), thumbnail, 0);
    let label = "Aperio Image Library v1\r\nlabel 40x50";
    beside(Packing::LzwPredicted, size(40, 50), label, 1);
    let photograph = Packing::Jpeg(SamplingFactor::R_4_2_0);
    beside(photograph, size(120, 41), "Aperio", 9);
    (writer, truth)
}

pub const APERIO: &str = "Aperio Image Library v1\r\n300x200 (64x48) JPEG/RGB Q=90|AppMag = 40|MPP = 0.2520|Filename = a b";

/// An SVS of one level, 2 x 2 tiles that are all the same JPEG 2000 picture.
pub fn aperio_jpeg2000(compression: u16, photometric: u16, tile: &[u8]) -> Writer {
    let mut writer = Writer::new(CLASSIC);
    let tiles = vec![tile.to_vec(); 4];
    let mut page = page_of_packed(&mut writer, size(128, 96), &tiles, |_, at, len| (at, len));
    page.push((259, Value::Short(vec![compression])));
    page.push((262, Value::Short(vec![photometric])));
    page.push((270, text("Aperio Image Library v1\r\n128x96 J2K|MPP = 0.5")));
    writer.page(page);
    writer
}

/// How a BIF is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bif {
    /// Joints to the right; reduced levels of frames.
    Iscan,
    /// Joints to the left, an overlap in every second gap; reduced levels of frames.
    Dp,
    /// The same with reduced levels that are stitched already.
    DpStitched,
}

/// Overlaps of frames: divisible by 4, so that they stay whole on two reduced levels.
pub const OVERLAP: (u32, u32) = (8, 12);

/// Columns and rows of frames.
pub const FRAMES: (u32, u32) = (6, 4);

impl Bif {
    /// The overlap before a column and before a row.
    fn overlap(self, column: u32, row: u32) -> (u32, u32) {
        match self {
            Self::Iscan => OVERLAP,
            Self::Dp | Self::DpStitched => {
                let x = if column.is_multiple_of(2) {
                    OVERLAP.0
                } else {
                    0
                };
                let _ = row;
                (x, 0)
            }
        }
    }

    fn starts(self) -> (Vec<u32>, Vec<u32>) {
        let axis = |count: u32, tile: u32, overlap: &dyn Fn(u32) -> u32| {
            let mut at = 0;
            (0..count)
                .map(|n| {
                    if n > 0 {
                        at += tile - overlap(n);
                    }
                    at
                })
                .collect::<Vec<_>>()
        };
        (
            axis(FRAMES.0, TILE.0, &|n| self.overlap(n, 1).0),
            axis(FRAMES.1, TILE.1, &|n| self.overlap(1, n).1),
        )
    }

    pub fn size(self) -> LevelSize {
        let (columns, rows) = self.starts();
        size(
            columns.last().unwrap() + TILE.0,
            rows.last().unwrap() + TILE.1,
        )
    }

    fn joints(self) -> String {
        let (columns, rows) = FRAMES;
        let number = |column: u32, row: u32| {
            let up = rows - 1 - row;
            let along = if up % 2 == 1 {
                columns - 1 - column
            } else {
                column
            };
            up * columns + along + 1
        };
        let side = if self == Self::Iscan { "RIGHT" } else { "LEFT" };
        let mut out = String::new();
        for row in 0..rows {
            for column in 0..columns {
                let here = number(column, row);
                let mut joint = |direction, other, (x, y): (u32, u32)| {
                    write!(
                        out,
                        r#"<TileJointInfo FlagJoined="1" Confidence="98" Direction="{direction}" Tile1="{here}" Tile2="{other}" OverlapX="{x}" OverlapY="{y}"/>"#
                    )
                    .unwrap();
                };
                if column + 1 < columns {
                    let overlap = (self.overlap(column + 1, 1).0, 0);
                    joint(side, number(column + 1, row), overlap);
                }
                if row > 0 {
                    joint("UP", number(column, row - 1), (0, self.overlap(1, row).1));
                }
            }
        }
        out
    }
}

/// A BIF of three levels; returns what each shows when it is stitched.
pub fn ventana(bif: Bif) -> (Writer, Vec<RgbBuffer>) {
    let newer = bif != Bif::Iscan;
    let mut writer = Writer::new(BIG);
    let mut photograph = strips(&mut writer, Packing::LzwPredicted, size(40, 120));
    photograph.push((270, text(if newer { "Label_Image" } else { "Label Image" })));
    let iscan = r#"<iScan Magnification="20" ScanRes="0.465" Z-layers="1" UnitNumber="7" ScanWhitePoint="235" ScannerModel="#;
    let xmp = if newer {
        format!(
            r#"<?xml version="1.0"?><Metadata>{iscan}"VENTANA DP 200"><AOI0 Left="1"/></iScan></Metadata>"#
        )
    } else {
        format!(r#"<?xml version="1.0"?>{iscan}"iScan Coreo"><AOI0 Left="1"/></iScan>"#)
    };
    photograph.push((700, Value::Bytes(xmp.into_bytes())));
    writer.page(photograph);

    let mut truths = vec![picture(bif.size())];
    truths.push(halved(&truths[0]));
    truths.push(halved(&truths[1]));
    let (xs, ys) = bif.starts();
    let mut frames: Vec<RgbBuffer> = ys
        .iter()
        .flat_map(|y| xs.iter().map(move |x| (*x, *y)))
        .map(|(x, y)| buffer(size(TILE.0, TILE.1), crop(&truths[0], x, y, TILE.0, TILE.1)))
        .collect();
    let (columns, rows) = FRAMES;
    for level in 0..3_u32 {
        let scale = 1 << level;
        let mut page = if level > 0 && bif == Bif::DpStitched {
            tiled_page(
                &mut writer,
                &truths[level as usize],
                Packing::Deflate,
                |_, at, len| (at, len),
            )
        } else {
            let page_size = size(columns * TILE.0 / scale, rows * TILE.1 / scale);
            let side_by_side = joined(&frames, columns, page_size);
            tiled_page(
                &mut writer,
                &side_by_side,
                Packing::Deflate,
                |_, at, len| (at, len),
            )
        };
        page.push((
            270,
            text(format!(
                "level={level} mag={} quality=95",
                20.0 / f64::from(scale)
            )),
        ));
        if level == 0 {
            let xml = format!(
                r#"<?xml version="1.0"?><EncodeInfo Ver="2"><SlideStitchInfo><ImageInfo AOIScanned="1" AOIIndex="0" NumRows="{rows}" NumCols="{columns}" Width="{}" Height="{}" Pos-X="0" Pos-Y="0">{}</ImageInfo></SlideStitchInfo><AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>"#,
                TILE.0,
                TILE.1,
                bif.joints()
            );
            page.push((700, Value::Bytes(xml.into_bytes())));
        }
        writer.page(page);
        frames = frames.iter().map(halved).collect();
    }
    (writer, truths)
}

/// Pictures side by side in rows of `columns`.
fn joined(pictures: &[RgbBuffer], columns: u32, size: LevelSize) -> RgbBuffer {
    let mut out = RgbBuffer::filled(size, [255; 3]);
    for (index, picture) in pictures.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index as u32 / columns);
        let left = (column * picture.width()) as usize * 3;
        for y in 0..picture.height() {
            let source = picture.row(y);
            out.row_mut(row * picture.height() + y)[left..left + source.len()]
                .copy_from_slice(source);
        }
    }
    out
}

/// One area of a BIF: where on the page, in tiles; how many; `Pos-X` and `Pos-Y`.
pub type BifArea = ((u32, u32), (u32, u32), (u32, u32));

/// A BIF of one level with areas that do not overlap inside, their tiles cut from one picture of the page.
pub fn ventana_areas(model: &str, areas: &[BifArea]) -> (Writer, RgbBuffer) {
    let truth = picture(size(TILE.0 * 8, TILE.1 * 6));
    let mut writer = Writer::new(BIG);
    let mut photograph = strips(&mut writer, Packing::None, size(40, 120));
    photograph.push((270, text("Label_Image")));
    let xmp = format!(
        r#"<iScan ScanRes="0.25" Magnification="40" ScanWhitePoint="230" ScannerModel="{model}"/>"#
    );
    photograph.push((700, Value::Bytes(xmp.into_bytes())));
    writer.page(photograph);
    let (mut infos, mut origins) = (String::new(), String::new());
    for (index, ((column, row), (columns, rows), (x, y))) in areas.iter().enumerate() {
        write!(
            infos,
            r#"<ImageInfo AOIScanned="1" AOIIndex="{index}" NumRows="{rows}" NumCols="{columns}" Width="{}" Height="{}" Pos-X="{x}" Pos-Y="{y}"/>"#,
            TILE.0, TILE.1
        )
        .unwrap();
        write!(
            origins,
            r#"<AOI{index} OriginX="{}" OriginY="{}"/>"#,
            column * TILE.0,
            row * TILE.1
        )
        .unwrap();
    }
    let covered = |tile: usize| {
        let (column, row) = (tile as u32 % 8, tile as u32 / 8);
        areas.iter().any(|((c, r), (columns, rows), _)| {
            (*c..c + columns).contains(&column) && (*r..r + rows).contains(&row)
        })
    };
    let mut page = tiled_page(&mut writer, &truth, Packing::Deflate, |tile, at, len| {
        if covered(tile) { (at, len) } else { (0, 0) }
    });
    page.push((270, text("level=0 mag=40 quality=95")));
    let xml = format!(
        "<EncodeInfo Ver=\"2\"><SlideStitchInfo>{infos}</SlideStitchInfo><AoiOrigin>{origins}</AoiOrigin></EncodeInfo>"
    );
    page.push((700, Value::Bytes(xml.into_bytes())));
    writer.page(page);
    (writer, truth)
}

/// Where the main images of the SCN lie, in pixels of level 0.
pub const SCN_PLACES: [(u32, u32); 2] = [(400, 600), (801, 300)];

/// An SCN of a macro photograph and two main images on a slide of 1600 x 1200 pixels of 0.5 um.
pub fn leica() -> (Writer, [RgbBuffer; 2]) {
    let mut writer = Writer::new(BIG);
    let truths = [picture(size(300, 200)), picture(size(150, 260))];
    let levels: Vec<RgbBuffer> = vec![
        picture(size(80, 60)),
        truths[0].clone(),
        halved(&truths[0]),
        truths[1].clone(),
        halved(&truths[1]),
    ];
    let image = |name: &str, place: [u32; 4], dimensions: [(u32, u32, u32); 2], objective: &str| {
        let [x, y, w, h] = place.map(|pixels| pixels * 500);
        let mut out = format!(
            r#"<image name="{name}"><creationDate>2024-01-01T00:00:00Z</creationDate><device model="Leica SCN400" version="1"/><pixels sizeX="{}" sizeY="{}">"#,
            dimensions[0].0, dimensions[0].1
        );
        for (r, (width, height, page)) in dimensions.into_iter().enumerate() {
            if width > 0 {
                write!(
                    out,
                    r#"<dimension sizeX="{width}" sizeY="{height}" r="{r}" ifd="{page}"/>"#
                )
                .unwrap();
            }
        }
        write!(
            out,
            r#"</pixels><view sizeX="{w}" sizeY="{h}" offsetX="{x}" offsetY="{y}" spacingZ="0"/><scanSettings><objectiveSettings><objective>{objective}</objective></objectiveSettings><illuminationSettings><numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"#
        )
        .unwrap();
        out
    };
    let [(x0, y0), (x1, y1)] = SCN_PLACES;
    let xml = format!(
        r#"<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection name="s" sizeX="800000" sizeY="600000"><barcode>QTE3</barcode>{}{}{}</collection></scn>"#,
        image("macro", [0, 0, 1600, 1200], [(80, 60, 0), (0, 0, 0)], "0.6"),
        image(
            "one",
            [x0, y0, 300, 200],
            [(300, 200, 1), (150, 100, 2)],
            "20"
        ),
        image(
            "two",
            [x1, y1, 150, 260],
            [(150, 260, 3), (75, 130, 4)],
            "20"
        ),
    );
    for (index, level) in levels.iter().enumerate() {
        let mut page = tiled_page(&mut writer, level, Packing::LzwPredicted, |_, at, len| {
            (at, len)
        });
        if index == 0 {
            page.push((270, text(xml.clone())));
        }
        page.push((282, Value::Rational(20_000, 1)));
        page.push((283, Value::Rational(20_000, 1)));
        page.push((296, Value::Short(vec![3])));
        writer.page(page);
    }
    (writer, truths)
}

/// A Philips TIFF of three levels, padded to whole tiles, with two absent tiles, a label in the XML and a macro page.
pub fn philips() -> (Writer, Vec<RgbBuffer>) {
    let mut writer = Writer::new(BIG);
    let mut truths = vec![picture(size(TILE.0 * 5, TILE.1 * 5))];
    truths.push(halved(&truths[0]));
    truths.push(halved(&truths[1]));
    let label = picture(size(24, 16));
    let label = jpeg(
        label.as_bytes(),
        24,
        16,
        ColorType::Rgb,
        SamplingFactor::F_1_1,
    );
    let attribute = |name: &str, value: &str| {
        format!(
            r#"<Attribute Name="{name}" Group="0x0028" Element="0x0030" PMSVR="IString">{value}</Attribute>"#
        )
    };
    let mut levels = String::new();
    for (index, spacing) in ["0.00025", "0.0005", "0.001"].iter().enumerate() {
        let spacing = format!("&quot;{spacing}&quot; &quot;{spacing}&quot;");
        write!(
            levels,
            r#"<DataObject ObjectType="PixelDataRepresentation">{}{}</DataObject>"#,
            attribute("DICOM_PIXEL_SPACING", &spacing),
            attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", &index.to_string())
        )
        .unwrap();
    }
    let array = |name: &str, objects: &str| {
        format!(
            r#"<Attribute Name="{name}" PMSVR="IDataObjectArray"><Array>{objects}</Array></Attribute>"#
        )
    };
    let images = format!(
        r#"<DataObject ObjectType="DPScannedImage">{}{}</DataObject><DataObject ObjectType="DPScannedImage">{}{}{}</DataObject>"#,
        attribute("PIM_DP_IMAGE_TYPE", "LABELIMAGE"),
        attribute(
            "PIM_DP_IMAGE_DATA",
            &base64::engine::general_purpose::STANDARD.encode(label)
        ),
        attribute("PIM_DP_IMAGE_TYPE", "WSI"),
        attribute(
            "DICOM_PIXEL_SPACING",
            "&quot;0.00025&quot; &quot;0.00025&quot;"
        ),
        array("PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE", &levels),
    );
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport">{}{}</DataObject>"#,
        attribute("DICOM_MANUFACTURER", "PHILIPS"),
        array("PIM_DP_SCANNED_IMAGES", &images)
    );
    for (index, truth) in truths.iter().enumerate() {
        let (columns, rows) = (
            truth.width().div_ceil(TILE.0),
            truth.height().div_ceil(TILE.1),
        );
        let tiles: Vec<Vec<u8>> = (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (column, row)))
            .map(|(column, row)| crop(truth, column * TILE.0, row * TILE.1, TILE.0, TILE.1))
            .collect();
        let padded = size(columns * TILE.0, rows * TILE.1);
        let mut page = page_of_tiles(
            &mut writer,
            padded,
            &tiles,
            Packing::Deflate,
            |tile, at, len| {
                if index == 0 && (tile == 23 || tile == 24) {
                    (0, 0)
                } else {
                    (at, len)
                }
            },
        );
        page.push((305, text("Philips DP v1.0")));
        page.push((254, Value::Long(vec![u32::from(index > 0)])));
        if index == 0 {
            page.push((270, text(xml.clone())));
        }
        writer.page(page);
    }
    let mut page = strips(&mut writer, Packing::None, size(48, 30));
    page.push((270, text("Macro -offset=(0,0)")));
    writer.page(page);
    (writer, truths)
}

/// MCUs of a restart interval in the NDPI.
const INTERVAL: u16 = 8;

/// One level of an NDPI: a JPEG with restart markers and where its intervals begin.
pub fn ndpi_level(writer: &mut Writer, truth: &RgbBuffer, high: bool) -> Page {
    let mut stream = Vec::new();
    let mut encoder = Encoder::new(&mut stream, 97);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder.set_restart_interval(INTERVAL);
    encoder
        .encode(
            truth.as_bytes(),
            truth.width() as u16,
            truth.height() as u16,
            ColorType::Rgb,
        )
        .unwrap();
    let scan = stream.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let len = usize::from(u16::from_be_bytes([stream[scan + 2], stream[scan + 3]]));
    let mut starts = vec![(scan + 2 + len) as u32];
    for at in scan + 2 + len..stream.len() - 2 {
        if stream[at] == 0xff && (0xd0..=0xd7).contains(&stream[at + 1]) {
            starts.push(at as u32 + 2);
        }
    }
    let at = writer.data(&stream);
    let mut page = vec![
        (256, Value::Long(vec![truth.width()])),
        (257, Value::Long(vec![truth.height()])),
        (258, Value::Short(vec![8, 8, 8])),
        (259, Value::Short(vec![7])),
        (262, Value::Short(vec![6])),
        (273, Value::Long(vec![at as u32])),
        (277, Value::Short(vec![3])),
        (278, Value::Long(vec![truth.height()])),
        (279, Value::Long(vec![stream.len() as u32])),
        (65420, Value::Short(vec![1])),
    ];
    if high {
        page.push((65432, Value::Long(vec![0; starts.len()])));
    }
    page.push((65426, Value::Long(starts)));
    page
}

/// An NDPI of two levels, another focal plane, a macro photograph and a map.
pub fn hamamatsu() -> (Writer, Vec<RgbBuffer>) {
    let mut writer = Writer::new(CLASSIC);
    let truths = vec![picture(size(256, 200)), picture(size(128, 100))];
    let other = RgbBuffer::filled(size(256, 200), [9, 9, 9]);
    for (index, (truth, plane)) in [(&truths[0], 0), (&other, 1500), (&truths[1], 0)]
        .into_iter()
        .enumerate()
    {
        let mut page = ndpi_level(&mut writer, truth, index == 0);
        let resolution = if index == 2 { 20_000 } else { 40_000 };
        page.push((282, Value::Rational(resolution, 1)));
        page.push((283, Value::Rational(resolution, 1)));
        page.push((296, Value::Short(vec![3])));
        page.push((271, text("Hamamatsu")));
        page.push((65421, Value::Float(if index == 2 { 20.0 } else { 40.0 })));
        page.push((65422, Value::SLong(-12_000)));
        page.push((65423, Value::SLong(34_000)));
        page.push((65424, Value::SLong(plane)));
        page.push((65449, text("Product=C9600\r\nfine.focus.pitch=250\r\n")));
        writer.page(page);
    }
    for (lens, width) in [(-1.0, 120), (-2.0, 60)] {
        let mut page = strips(
            &mut writer,
            Packing::Jpeg(SamplingFactor::F_1_1),
            size(width, 16),
        );
        page.push((65420, Value::Short(vec![1])));
        page.push((65421, Value::Float(lens)));
        writer.page(page);
    }
    (writer, truths)
}

/// An OME-TIFF: `SubIFDs` below the main plane, a label image, and as many focal planes as asked for.
pub fn ome(kind: Kind, planes: u32) -> (Writer, Vec<RgbBuffer>) {
    let mut writer = Writer::new(kind);
    let truths: Vec<RgbBuffer> = [(300, 200), (150, 100), (75, 50)]
        .into_iter()
        .map(|(width, height)| picture(size(width, height)))
        .collect();
    let pixels = |x, y, z, data: &str| {
        format!(
            r#"<Pixels ID="P" DimensionOrder="XYCZT" Type="uint8" SizeX="{x}" SizeY="{y}" SizeC="3" SizeZ="{z}" SizeT="1" PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"><Channel ID="C" SamplesPerPixel="3"/>{data}</Pixels>"#
        )
    };
    // The label comes first in the file, and the planes backwards.
    let mut data = String::new();
    for plane in 0..planes {
        write!(
            data,
            r#"<TiffData IFD="{}" FirstZ="{plane}" PlaneCount="1"/>"#,
            planes - plane
        )
        .unwrap();
    }
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="I"><Objective ID="O" NominalMagnification="40.0"/></Instrument><Image ID="Image:0" Name="scan">{}</Image><Image ID="Image:1" Name="label image">{}</Image></OME>"#,
        pixels(300, 200, planes, &data),
        pixels(40, 50, 1, r#"<TiffData IFD="0"/>"#)
    );
    let mut label = strips(&mut writer, Packing::None, size(40, 50));
    label.push((270, text(xml)));
    writer.page(label);
    for page in 1..=planes {
        // The middle plane is the picture, the others are flat.
        if planes - page != planes / 2 {
            let flat = RgbBuffer::filled(size(300, 200), [7; 3]);
            let page = tiled_page(&mut writer, &flat, Packing::Lzw, |_, at, len| (at, len));
            writer.page(page);
            continue;
        }
        let children: Vec<u64> = truths[1..]
            .iter()
            .map(|truth| {
                let page = tiled_page(&mut writer, truth, Packing::Deflate, |_, at, len| (at, len));
                writer.directory(page)
            })
            .collect();
        let mut page = tiled_page(&mut writer, &truths[0], Packing::Deflate, |_, at, len| {
            (at, len)
        });
        page.push((
            330,
            if kind.big {
                Value::Long8(children)
            } else {
                Value::Long(children.iter().map(|&c| c as u32).collect())
            },
        ));
        writer.page(page);
    }
    (writer, truths)
}

pub const HURON: &str =
    "Huron Digital Pathology\nScanner   = TissueScope LE120\nObjective = 20X\nnothing\n";

/// A Huron slide of two levels in the order of Aperio's pages, with a thumbnail, a label and a macro.
pub fn huron() -> (Writer, [RgbBuffer; 2]) {
    let truths = [picture(size(300, 200)), picture(size(150, 100))];
    let mut writer = Writer::new(BIG);
    let mut page = tiled_page(
        &mut writer,
        &truths[0],
        Packing::LzwPredicted,
        |_, at, len| (at, len),
    );
    page.push((270, text(HURON)));
    page.push((271, text("Huron Digital Pathology")));
    page.push((282, Value::Rational(25_000, 1)));
    page.push((283, Value::Rational(20_000, 1)));
    page.push((296, Value::Short(vec![3])));
    page.push((34675, Value::Bytes(vec![1, 2, 3, 4, 5])));
    writer.page(page);
    for (side, subfile) in [((96, 64), 0), ((40, 50), 1), ((120, 41), 9)] {
        let mut page = strips(&mut writer, Packing::LzwPredicted, size(side.0, side.1));
        page.push((254, Value::Long(vec![subfile])));
        writer.page(page);
        if subfile == 0 {
            let page = tiled_page(&mut writer, &truths[1], Packing::Deflate, |_, at, len| {
                (at, len)
            });
            writer.page(page);
        }
    }
    (writer, truths)
}

pub const TRESTLE: &str = "Background Color=E6DCC8;White Balance=CCCCCC;Objective Power=20;JPEG Quality=80;OverlapsXY= 8 6 4 2";

/// A Trestle slide of three levels, of which the last has no overlaps.
///
/// What lies under a neighbour is of another colour, so that the order of painting shows.
pub fn trestle() -> (Writer, Vec<RgbBuffer>) {
    let mut writer = Writer::new(CLASSIC);
    let mut truths = Vec::new();
    for (level, ((width, height), overlap)) in [
        ((218, 124), (8, 6)),
        ((109, 62), (4, 2)),
        ((55, 31), (0, 0)),
    ]
    .into_iter()
    .enumerate()
    {
        let truth = picture(size(width, height));
        let step = (TILE.0 - overlap.0, TILE.1 - overlap.1);
        let tiles = |side: u32, step: u32, overlap: u32| (side - overlap).div_ceil(step);
        let (columns, rows) = (
            tiles(width, step.0, overlap.0),
            tiles(height, step.1, overlap.1),
        );
        let mut samples = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let mut tile = crop(&truth, column * step.0, row * step.1, TILE.0, TILE.1);
                for (at, pixel) in (0..).zip(tile.chunks_exact_mut(3)) {
                    let right = column + 1 < columns && at % TILE.0 >= step.0;
                    if right || (row + 1 < rows && at / TILE.0 >= step.1) {
                        pixel.copy_from_slice(&[250, 0, 250]);
                    }
                }
                samples.push(tile);
            }
        }
        let stored = size(
            width + (columns - 1) * overlap.0,
            height + (rows - 1) * overlap.1,
        );
        let mut page = page_of_tiles(
            &mut writer,
            stored,
            &samples,
            Packing::Deflate,
            |_, at, len| (at, len),
        );
        if level == 0 {
            page.push((270, text(TRESTLE)));
        }
        page.push((282, Value::Rational(300 << level, 1000)));
        page.push((283, Value::Rational(310 << level, 1000)));
        page.push((296, Value::Short(vec![1])));
        page.push((305, text("MedScan 2.1")));
        writer.page(page);
        truths.push(truth);
    }
    (writer, truths)
}
