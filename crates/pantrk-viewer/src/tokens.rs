//! Every colour of the viewer, for the dark and for the light theme, and egui's look made from them.
//!
//! **Architecture invariant:** no other file of this crate names a colour by its numbers.

use egui::{Color32, CornerRadius, Stroke, Visuals};
use pantrk_store::GRADE_COLOURS;

use crate::notice::NoticeKind;

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    /// Behind the slide: neutral, so that it does not tint what the eye sees of the stain.
    pub(crate) canvas: Color32,
    /// The line around the slide.
    pub(crate) slide_edge: Color32,
    /// Behind the panels.
    pub(crate) panel: Color32,
    /// Behind a card on a panel.
    pub(crate) card: Color32,
    /// Behind a card under the pointer.
    pub(crate) card_hovered: Color32,
    /// Behind the card that is chosen.
    pub(crate) card_selected: Color32,
    /// Lines between parts.
    pub(crate) line: Color32,
    /// Text.
    pub(crate) ink: Color32,
    /// Text of less weight.
    pub(crate) faint: Color32,
    /// Headings and what can be pressed.
    pub(crate) accent: Color32,
    /// Words of warning.
    pub(crate) warning: Color32,
    /// Words about what was done.
    pub(crate) done: Color32,
    /// Words about what failed.
    pub(crate) error: Color32,
    /// Under the hatching of what could not be read.
    pub(crate) hatch_ground: Color32,
    /// The hatching.
    pub(crate) hatch_line: Color32,
    /// The word on the hatching.
    pub(crate) hatch_ink: Color32,
    /// Under words on the canvas.
    pub(crate) plate: Color32,
    /// Cells that the scores do not count.
    pub(crate) uncounted: Color32,
    /// The empty part of a bar.
    pub(crate) bar_ground: Color32,
    /// What an icon holds inside its outline.
    pub(crate) icon_ink: Color32,
}

const DARK: Tokens = Tokens {
    canvas: Color32::from_rgb(0x17, 0x19, 0x1b),
    slide_edge: Color32::from_rgb(0x4a, 0x50, 0x56),
    panel: Color32::from_rgb(0x20, 0x23, 0x27),
    card: Color32::from_rgb(0x29, 0x2d, 0x32),
    card_hovered: Color32::from_rgb(0x31, 0x36, 0x3c),
    card_selected: Color32::from_rgb(0x2c, 0x40, 0x52),
    line: Color32::from_rgb(0x3a, 0x3f, 0x45),
    ink: Color32::from_rgb(0xe6, 0xe9, 0xec),
    faint: Color32::from_rgb(0xa3, 0xab, 0xb3),
    accent: Color32::from_rgb(0x7c, 0xb8, 0xe8),
    warning: Color32::from_rgb(0xf2, 0xb1, 0x4a),
    done: Color32::from_rgb(0x55, 0xc7, 0x9e),
    error: Color32::from_rgb(0xff, 0x90, 0x80),
    hatch_ground: Color32::from_rgb(0x4b, 0x3a, 0x3e),
    hatch_line: Color32::from_rgb(0xa0, 0x6d, 0x78),
    hatch_ink: Color32::from_rgb(0xff, 0xe3, 0xe8),
    plate: Color32::from_rgba_premultiplied(0x12, 0x13, 0x15, 0xd8),
    uncounted: Color32::from_rgb(0x8b, 0x8f, 0x94),
    bar_ground: Color32::from_rgb(0x3a, 0x3f, 0x45),
    icon_ink: Color32::from_rgb(0xff, 0xff, 0xff),
};

const LIGHT: Tokens = Tokens {
    canvas: Color32::from_rgb(0xd5, 0xd8, 0xdb),
    slide_edge: Color32::from_rgb(0x9a, 0xa1, 0xa8),
    panel: Color32::from_rgb(0xf5, 0xf6, 0xf7),
    card: Color32::from_rgb(0xff, 0xff, 0xff),
    card_hovered: Color32::from_rgb(0xea, 0xef, 0xf4),
    card_selected: Color32::from_rgb(0xd7, 0xe7, 0xf5),
    line: Color32::from_rgb(0xd5, 0xd9, 0xde),
    ink: Color32::from_rgb(0x1e, 0x22, 0x27),
    faint: Color32::from_rgb(0x58, 0x60, 0x69),
    accent: Color32::from_rgb(0x12, 0x5c, 0x9c),
    warning: Color32::from_rgb(0x8f, 0x50, 0x00),
    done: Color32::from_rgb(0x00, 0x6b, 0x4c),
    error: Color32::from_rgb(0xb0, 0x1e, 0x12),
    hatch_ground: Color32::from_rgb(0xdc, 0xc8, 0xcc),
    hatch_line: Color32::from_rgb(0xa9, 0x77, 0x82),
    hatch_ink: Color32::from_rgb(0x4e, 0x14, 0x22),
    plate: Color32::from_rgba_premultiplied(0xe2, 0xe2, 0xe2, 0xe4),
    uncounted: Color32::from_rgb(0x7d, 0x82, 0x88),
    bar_ground: Color32::from_rgb(0xdd, 0xe1, 0xe5),
    icon_ink: Color32::from_rgb(0xff, 0xff, 0xff),
};

impl Tokens {
    /// The colour of a notice.
    pub(crate) const fn notice(&self, kind: NoticeKind) -> Color32 {
        match kind {
            NoticeKind::Done => self.done,
            NoticeKind::Information => self.accent,
            NoticeKind::Warning => self.warning,
            NoticeKind::Error => self.error,
        }
    }
}

/// The colours of the theme that `ui` is drawn in.
pub(crate) fn of(ui: &egui::Ui) -> &'static Tokens {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// The colour of a grade, 0 to 3; the same as in every picture that the results hold.
pub(crate) fn grade(grade: u8) -> Color32 {
    let [r, g, b] = GRADE_COLOURS[usize::from(grade.min(3))];
    Color32::from_rgb(r, g, b)
}

/// Around a cell's colour, to keep it apart from tissue of any colour: light around the dark grades, dark around the light ones. The same in both themes, for the slide is.
pub(crate) const fn cell_halo(grade: u8, counted: bool) -> Color32 {
    match (grade, counted) {
        (1 | 2, true) => Color32::from_rgba_premultiplied(0x12, 0x13, 0x15, 0xd8),
        _ => Color32::from_rgba_premultiplied(0xdc, 0xdc, 0xdc, 0xdc),
    }
}

/// The colour that a triage flag names, after Okabe and Ito; grey for a name that is not known.
pub(crate) fn flag(name: &str) -> Color32 {
    match name {
        "vermillion" => Color32::from_rgb(0xd5, 0x5e, 0x00),
        "orange" => Color32::from_rgb(0xc9, 0x8b, 0x00),
        "reddish purple" => Color32::from_rgb(0xb8, 0x62, 0x92),
        "blue" => Color32::from_rgb(0x1f, 0x7a, 0xbf),
        "sky blue" => Color32::from_rgb(0x3d, 0x96, 0xca),
        _ => Color32::from_rgb(0x74, 0x7b, 0x83),
    }
}

/// The colour of a region class, by its place in the table of classes; grey for others. After Paul Tol's vibrant scheme, which those tell apart who see red and green alike.
pub(crate) fn class(place: Option<usize>) -> Color32 {
    const COLOURS: [Color32; 9] = [
        Color32::from_rgb(0x00, 0x99, 0x88),
        Color32::from_rgb(0xcc, 0x33, 0x11),
        Color32::from_rgb(0x88, 0x44, 0xcc),
        Color32::from_rgb(0x33, 0xbb, 0xee),
        Color32::from_rgb(0xee, 0x33, 0x77),
        Color32::from_rgb(0x50, 0x50, 0x50),
        Color32::from_rgb(0x00, 0x77, 0xbb),
        Color32::from_rgb(0x99, 0x99, 0x33),
        Color32::from_rgb(0x8c, 0x95, 0x9f),
    ];
    place
        .and_then(|place| COLOURS.get(place).copied())
        .unwrap_or(Color32::from_rgb(0x8c, 0x95, 0x9f))
}

/// Gives both of egui's themes these colours.
pub(crate) fn apply(ctx: &egui::Context) {
    ctx.set_visuals_of(egui::Theme::Dark, visuals(Visuals::dark(), &DARK));
    ctx.set_visuals_of(egui::Theme::Light, visuals(Visuals::light(), &LIGHT));
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(9.0, 4.0);
        style.spacing.interact_size.y = 24.0;
        style.interaction.selectable_labels = true;
    });
}

fn visuals(mut visuals: Visuals, tokens: &Tokens) -> Visuals {
    visuals.panel_fill = tokens.panel;
    visuals.window_fill = tokens.card;
    visuals.extreme_bg_color = tokens.card;
    visuals.faint_bg_color = tokens.card;
    visuals.override_text_color = Some(tokens.ink);
    visuals.weak_text_color = Some(tokens.faint);
    visuals.hyperlink_color = tokens.accent;
    visuals.warn_fg_color = tokens.warning;
    visuals.selection.bg_fill = tokens.card_selected;
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    visuals.slider_trailing_fill = true;
    let line = Stroke::new(1.0, tokens.line);
    visuals.widgets.noninteractive.bg_stroke = line;
    visuals.widgets.noninteractive.bg_fill = tokens.panel;
    for (widget, fill) in [
        (&mut visuals.widgets.inactive, tokens.card),
        (&mut visuals.widgets.open, tokens.card_hovered),
        (&mut visuals.widgets.hovered, tokens.card_hovered),
        (&mut visuals.widgets.active, tokens.card_selected),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = line;
        widget.corner_radius = CornerRadius::same(5);
        widget.expansion = 0.0;
    }
    visuals.widgets.inactive.bg_fill = tokens.bar_ground;
    visuals
}
