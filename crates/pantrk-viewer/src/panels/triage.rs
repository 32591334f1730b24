//! Right: all that stands behind the suggested next step.

use egui::{Align2, CollapsingHeader, FontId, Label, RichText, Sense, Stroke, Ui, pos2, vec2};
use pantrk_store::SlideResult;
use pantrk_triage::{Citation, Triage, text_from_probability};

use super::{Panel, PanelContext, Place, card, faint, item, section, title, warning};
use crate::command::{Command, Commands};
use crate::drawing::UNSCORED;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "triage",
    place: Place::Right,
    ui: triage_ui,
};

fn triage_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(result) = context.session.open_result() else {
        return;
    };
    let triage = &result.triage;
    let signed = context.session.signed();
    match signed.filter(|signed| signed.own.action != triage.action) {
        Some(_) => title(
            ui,
            &format!("Why the program suggested: {}", triage.flag.word),
        ),
        None => title(ui, "Why this step"),
    }
    card(ui, |ui| {
        warnings_ui(ui, result);
        section(ui, "Reasons");
        // The two figures have a part of their own below.
        let figures = ["Before the stain:", "After a "];
        for reason in &triage.reasons {
            if !figures.iter().any(|start| reason.starts_with(start)) {
                item(ui, reason);
            }
        }
        probabilities_ui(ui, triage);
        if let Some(concordance) = &triage.concordance {
            section(ui, "Stain and sequencing");
            item(ui, &concordance.text);
        }
        ui.add_space(6.0);
        details_ui(ui, triage, out);
        faint(ui, triage.limits.clone());
    });
}

/// What must not be overlooked comes before the reasons.
fn warnings_ui(ui: &mut Ui, result: &SlideResult) {
    // What was not scored stands at the head and beside the score.
    let of_slide = result.quality.warnings.iter();
    let of_slide = of_slide.filter(|warning| warning.code != UNSCORED);
    let of_slide = of_slide.map(|warning| warning.message.as_str());
    let all: Vec<&str> = result
        .triage
        .warnings
        .iter()
        .map(String::as_str)
        .chain(of_slide)
        .collect();
    if all.is_empty() {
        return;
    }
    section(ui, "Bear in mind");
    for text in all {
        warning(ui, text);
    }
}

fn probabilities_ui(ui: &mut Ui, triage: &Triage) {
    section(ui, "Probability of an NTRK fusion");
    let pre = triage.pre_test.as_ref().map(|p| (p.p, p.interval95));
    let post = triage.post_test.as_ref().map(|p| (p.p, p.interval95));
    bar(
        ui,
        "Before the stain",
        pre,
        "no figure was found for these facts",
    );
    bar(ui, "After the stain", post, "it cannot be given");
    axis(ui);
    for source in [
        triage.pre_test.as_ref().map(|p| &p.source),
        triage.post_test.as_ref().map(|p| &p.source),
    ]
    .into_iter()
    .flatten()
    {
        faint(ui, source.clone());
    }
    if triage.assumption {
        faint(
            ui,
            "A figure in this is an assumption; its source says which.",
        );
    }
}

/// The decades of the bars: 1 in 10 000 to certain.
const DECADES: i8 = 4;

/// Where a probability lies along a bar.
fn along(p: f64) -> f32 {
    let decades = f64::from(DECADES);
    ((p.max(1e-9).log10() + decades) / decades).clamp(0.0, 1.0) as f32
}

/// One probability as a bar on a logarithmic scale, with its interval as a line.
fn bar(ui: &mut Ui, name: &str, value: Option<(f64, [f64; 2])>, without: &str) {
    let tokens = tokens::of(ui);
    let text = value.map_or_else(
        || format!("{name}: {without}"),
        |(p, [low, high])| {
            format!(
                "{name}: {} ({} to {})",
                text_from_probability(p),
                text_from_probability(low),
                text_from_probability(high)
            )
        },
    );
    ui.add(Label::new(RichText::new(text).size(13.0)).wrap());
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 12.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, 3, tokens.bar_ground);
    let Some((p, [low, high])) = value else {
        return;
    };
    let x = |p: f64| rect.left() + rect.width() * along(p);
    let filled = rect.with_max_x(x(p).max(rect.left() + 2.0));
    painter.rect_filled(filled, 3, tokens.accent.gamma_multiply(0.75));
    let y = rect.center().y;
    let ends = [pos2(x(low), y), pos2(x(high), y)];
    painter.line_segment(ends, Stroke::new(2.0, tokens.ink));
    for end in ends {
        let tick = [end - vec2(0.0, 4.0), end + vec2(0.0, 4.0)];
        painter.line_segment(tick, Stroke::new(2.0, tokens.ink));
    }
}

/// The scale under the bars.
fn axis(ui: &mut Ui) {
    let tokens = tokens::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 13.0), Sense::hover());
    let font = FontId::proportional(10.5);
    // The ends first: a mark between them that finds no room is left out.
    let marks = [
        (1e-4, "1 in 10 000", Align2::LEFT_CENTER),
        (1.0, "100 %", Align2::RIGHT_CENTER),
        (1e-2, "1 %", Align2::CENTER_CENTER),
        (1e-3, "1 in 1 000", Align2::CENTER_CENTER),
        (1e-1, "10 %", Align2::CENTER_CENTER),
    ];
    let mut taken: Vec<egui::Rect> = Vec::new();
    for (p, text, align) in marks {
        let at = pos2(rect.left() + rect.width() * along(p), rect.center().y);
        let galley = ui
            .painter()
            .layout_no_wrap(text.to_owned(), font.clone(), tokens.faint);
        let place = align.anchor_size(at, galley.size());
        if taken
            .iter()
            .all(|other| !other.intersects(place.expand(3.0)))
        {
            ui.painter().galley(place.min, galley, tokens.faint);
            taken.push(place);
        }
    }
}

fn details_ui(ui: &mut Ui, triage: &Triage, out: &mut Commands) {
    if !triage.would_change.is_empty() {
        CollapsingHeader::new(format!(
            "What would change this ({})",
            triage.would_change.len()
        ))
        .show(ui, |ui| {
            for change in &triage.would_change {
                item(
                    ui,
                    &format!(
                        "{}. Then: {} ({})",
                        change.supposed(),
                        change.action.label(),
                        change.rule
                    ),
                );
            }
        });
    }
    CollapsingHeader::new(format!("Rules that apply ({})", triage.rules.len())).show(ui, |ui| {
        for rule in &triage.rules {
            let decides = if rule.id == triage.rule {
                ", decides"
            } else {
                ""
            };
            ui.label(RichText::new(format!("{} {}{decides}", rule.id, rule.title)).strong());
            ui.add(Label::new(&rule.because).wrap());
        }
    });
    CollapsingHeader::new(format!("Sources ({})", triage.citations.len())).show(ui, |ui| {
        for citation in &triage.citations {
            citation_ui(ui, citation, out);
        }
        faint(ui, format!("Evidence tables {}", triage.table_version));
    });
}

/// A source that opens in the browser.
fn citation_ui(ui: &mut Ui, citation: &Citation, out: &mut Commands) {
    let response = ui.add(
        Label::new(
            RichText::new(citation.to_string())
                .color(tokens::of(ui).accent)
                .underline(),
        )
        .wrap()
        .sense(Sense::click()),
    );
    if response.on_hover_text("Open in the browser").clicked() {
        out.push(Command::OpenAddress(address(&citation.source)));
    }
}

/// The address of a source; the tables shorten those of `PubMed` Central.
fn address(source: &str) -> String {
    if source.starts_with("http") {
        source.to_owned()
    } else if source.starts_with("PMC") {
        let article = source.split('/').next().unwrap_or(source);
        format!("https://pmc.ncbi.nlm.nih.gov/articles/{article}/")
    } else if let Some(doi) = source.strip_prefix("doi:") {
        format!("https://doi.org/{}", doi.trim())
    } else if source.starts_with("10.") {
        format!("https://doi.org/{source}")
    } else {
        format!(
            "https://pubmed.ncbi.nlm.nih.gov/?term={}",
            source.replace(' ', "+")
        )
    }
}
