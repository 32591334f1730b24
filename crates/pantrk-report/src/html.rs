//! The page: a template over what the report says, with its pictures, typeface and style inside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::ReportError;
use crate::pictures::Picture;

const TEMPLATES: [(&str, &str); 3] = [
    (
        "base.html",
        include_str!("../../../assets/report/base.html"),
    ),
    (
        "slide.html",
        include_str!("../../../assets/report/slide.html"),
    ),
    (
        "cohort.html",
        include_str!("../../../assets/report/cohort.html"),
    ),
];
const STYLE: &str = include_str!("../../../assets/report/style.css");
const REGULAR: &[u8] = include_bytes!("../../../assets/fonts/Inter-Regular.woff2");
const SEMIBOLD: &[u8] = include_bytes!("../../../assets/fonts/Inter-SemiBold.woff2");

/// Lays a page out as text.
pub(crate) fn render(
    template: &'static str,
    subject: &str,
    page: &impl Serialize,
    pictures: &[Picture],
) -> Result<String, ReportError> {
    let failed = |source| ReportError::Template {
        subject: subject.to_owned(),
        source,
    };
    let mut environment = Environment::new();
    // A misspelt field is an error, not an empty place in a report.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(failed)?,
    );
    let uris: std::collections::BTreeMap<String, String> = pictures
        .iter()
        .map(|picture| (picture.name.clone(), picture.data_uri()))
        .collect();
    environment.add_filter("uri", move |name: &str| {
        uris.get(name).cloned().unwrap_or_default()
    });
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(failed)?;
    }
    let page = Value::from(Serde(page));
    environment
        .get_template(template)
        .and_then(|template| {
            template.render(context! {
                d => page,
                style => STYLE,
                regular => STANDARD.encode(REGULAR),
                semibold => STANDARD.encode(SEMIBOLD),
            })
        })
        .map_err(failed)
}
