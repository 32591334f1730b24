//! `Slidedat.ini`: groups of keys with values.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::Fault;

/// The groups of the file.
#[derive(Debug, Default)]
pub(super) struct Ini {
    groups: BTreeMap<String, BTreeMap<String, String>>,
}

impl Ini {
    pub(super) fn parse(text: &str) -> Self {
        let mut ini = Self::default();
        let mut group = String::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                name.trim().clone_into(&mut group);
            } else if let Some((key, value)) = line.split_once('=')
                && !line.starts_with([';', '#'])
            {
                ini.groups
                    .entry(group.clone())
                    .or_default()
                    .insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
        ini
    }

    pub(super) fn text(&self, group: &str, key: &str) -> Result<&str, Fault> {
        self.groups
            .get(group)
            .and_then(|keys| keys.get(key))
            .map(String::as_str)
            .ok_or_else(|| Fault::Broken(format!("Slidedat.ini has no {key} in [{group}]")))
    }

    pub(super) fn number<T: FromStr>(&self, group: &str, key: &str) -> Result<T, Fault> {
        let text = self.text(group, key)?;
        text.parse().ok().ok_or_else(|| {
            Fault::Broken(format!(
                "{key} in [{group}] of Slidedat.ini is {text:?}, a number is wanted"
            ))
        })
    }

    /// A whole number between `least` and `most`.
    pub(super) fn count(
        &self,
        group: &str,
        key: &str,
        (least, most): (u32, u32),
    ) -> Result<u32, Fault> {
        let value: i64 = self.number(group, key)?;
        u32::try_from(value)
            .ok()
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| {
                Fault::Broken(format!(
                    "{key} in [{group}] of Slidedat.ini is {value}, {least} to {most} wanted"
                ))
            })
    }

    /// All keys as `mirax.<group>.<key>`.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        self.groups
            .iter()
            .flat_map(|(group, keys)| {
                keys.iter()
                    .map(move |(key, value)| (format!("mirax.{group}.{key}"), value.clone()))
            })
            .collect()
    }
}
