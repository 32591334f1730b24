//! XML in headers: parsed whole, without document types, with numbers that say what was found and wanted.

use roxmltree::{Document, Node, ParsingOptions};

use crate::error::Fault;

/// Elements, attributes and texts of one document; the largest real header (a stitched slide of 20,000 tiles) has some 50,000 elements.
const MAX_NODES: u32 = 4_000_000;

/// Parses `text`; `what` names it in the error.
pub(crate) fn parse<'a>(text: &'a str, what: &str) -> Result<Document<'a>, Fault> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
        .map_err(|error| Fault::Broken(format!("{what} is no sound XML: {error}")))
}

/// The first child element of a name, whatever its namespace.
pub(crate) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

/// All child elements of a name, whatever their namespace.
pub(crate) fn children<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The first element of a name below `node`.
pub(crate) fn descendant<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> Option<Node<'a, 'input>> {
    node.descendants()
        .find(|child| child.is_element() && child.tag_name().name() == name)
}

/// The text of the first child of a name, trimmed, where there is any.
pub(crate) fn child_text(node: Node<'_, '_>, name: &str) -> Option<String> {
    child(node, name)
        .and_then(|node| node.text())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, Fault> {
    node.attribute(name).ok_or_else(|| {
        Fault::Broken(format!(
            "element {} has no attribute {name}",
            node.tag_name().name()
        ))
    })
}

/// An attribute that must be a whole number; scanners also write `23.0`.
pub(crate) fn whole(node: Node<'_, '_>, name: &str) -> Result<i64, Fault> {
    let text = attribute(node, name)?.trim();
    if let Ok(value) = text.parse::<i64>() {
        return Ok(value);
    }
    decimal(text)
        .filter(|value| value.fract() == 0.0 && value.abs() < 1e15)
        .map(whole_of)
        .ok_or_else(|| not_a_number(node, name, text, "a whole number"))
}

/// An attribute that must be a finite number.
pub(crate) fn real(node: Node<'_, '_>, name: &str) -> Result<f64, Fault> {
    let text = attribute(node, name)?.trim();
    decimal(text).ok_or_else(|| not_a_number(node, name, text, "a number"))
}

fn not_a_number(node: Node<'_, '_>, name: &str, text: &str, wanted: &str) -> Fault {
    let text: String = text.chars().take(40).collect();
    Fault::Broken(format!(
        "attribute {name} of element {} is {text:?}, {wanted} is wanted",
        node.tag_name().name()
    ))
}

/// A finite number, with a comma for the point where the scanner's computer was set up so.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    text.trim()
        .replace(',', ".")
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by the caller")]
fn whole_of(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_was_found() {
        let document = parse(r#"<a n="12" f="23.0" d="0,25" bad="x" inf="1e400"/>"#, "it").unwrap();
        let root = document.root_element();
        assert_eq!(whole(root, "n").unwrap(), 12);
        assert_eq!(whole(root, "f").unwrap(), 23);
        assert!((real(root, "d").unwrap() - 0.25).abs() < 1e-12);
        for name in ["bad", "inf", "none", "d"] {
            assert!(whole(root, name).is_err(), "{name}");
        }
        let error = real(root, "bad").unwrap_err().to_string();
        assert!(error.contains("bad") && error.contains("\"x\""), "{error}");
    }

    #[test]
    fn document_types_are_refused() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>"#;
        assert!(parse(bomb, "it").is_err());
        assert!(parse("<a>", "it").is_err());
    }
}
