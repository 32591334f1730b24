//! Which of the manifest's slides this process does, where several share them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// One of so many parts of a manifest; a slide's part depends on its id alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 1.
    index: u64,
    count: u64,
}

impl Shard {
    /// All slides.
    pub(crate) const ALL: Self = Self { index: 1, count: 1 };

    fn new(index: u64, count: u64) -> Option<Self> {
        (1..=count)
            .contains(&index)
            .then_some(Self { index, count })
    }

    /// Whether a slide belongs to it.
    pub(crate) fn holds(self, slide_id: &str) -> bool {
        let digest = Sha256::digest(slide_id.as_bytes());
        let number = digest
            .iter()
            .take(8)
            .fold(0, |n, &b| (n << 8) | u64::from(b));
        number % self.count == self.index - 1
    }

    /// The part of a task of a Slurm job array; `None` outside of one.
    pub(crate) fn from_slurm(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Failure> {
        let number = |name: &str| -> Result<Option<u64>, Failure> {
            let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else {
                return Ok(None);
            };
            text.trim().parse().map(Some).map_err(|_error| {
                Failure::usage(format!("{name} is {text:?}, a whole number was wanted"))
            })
        };
        let Some(id) = number("SLURM_ARRAY_TASK_ID")? else {
            return Ok(None);
        };
        let Some(count) = number("SLURM_ARRAY_TASK_COUNT")? else {
            return Err(Failure::usage(format!(
                "SLURM_ARRAY_TASK_ID is {id}, but SLURM_ARRAY_TASK_COUNT is not set; give --shard I/N"
            )));
        };
        let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let place = id.checked_sub(first).filter(|offset| offset % step == 0);
        place
            .and_then(|offset| Self::new(offset / step + 1, count))
            .map(Some)
            .ok_or_else(|| {
                Failure::usage(format!(
                    "task {id} of a Slurm array of {count} tasks from {first} in steps of {step}: the tasks must be evenly spaced, as in --array=0-{}; for others give --shard I/N",
                    count.saturating_sub(1)
                ))
            })
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| {
            Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?)
        });
        parsed.ok_or_else(|| "a part of so many was wanted, from 1/4 to 4/4 for example".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slurm(values: &[(&str, &str)]) -> Result<Option<Shard>, String> {
        Shard::from_slurm(&|name| {
            let name = name.strip_prefix("SLURM_ARRAY_TASK_")?;
            let found = values.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .map_err(|failure| failure.to_string())
    }

    #[test]
    fn each_slide_is_in_one_part_and_parts_are_about_as_large() {
        let ids: Vec<String> = (0..3000).map(|i| format!("slide-{i}")).collect();
        for count in [1, 2, 3, 7, 16] {
            let mut sizes = vec![0; count as usize];
            for id in &ids {
                let of: Vec<u64> = (1..=count)
                    .filter(|&i| Shard::new(i, count).unwrap().holds(id))
                    .collect();
                assert_eq!(of.len(), 1, "{id}");
                sizes[of[0] as usize - 1] += 1;
            }
            let fair = ids.len() / count as usize;
            assert!(sizes.iter().all(|&n| n > fair * 3 / 4), "{sizes:?}");
        }
        // For ever: a cohort is resumed by a later version.
        let of = |id| (1..=4).find(|&i| Shard::new(i, 4).unwrap().holds(id));
        assert_eq!(
            [of("a"), of("b"), of("S21-04711_B2")],
            [Some(3), Some(3), Some(1)]
        );
    }

    #[test]
    fn parts_are_written_from_one() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        for bad in ["0/4", "5/4", "1/0", "1", "a/b", "-1/4", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slurm_tasks_are_parts() {
        assert_eq!(slurm(&[]), Ok(None));
        let part = |text: &str| Ok(Some(text.parse::<Shard>().unwrap()));
        assert_eq!(
            slurm(&[("ID", "0"), ("COUNT", "4"), ("MIN", "0")]),
            part("1/4")
        );
        assert_eq!(
            slurm(&[("ID", "4"), ("COUNT", "4"), ("MIN", "1")]),
            part("4/4")
        );
        assert_eq!(
            slurm(&[("ID", "9"), ("COUNT", "4"), ("MIN", "3"), ("STEP", "2")]),
            part("4/4")
        );
        for bad in [
            &[("ID", "3")][..],
            &[("ID", "7"), ("COUNT", "2"), ("MIN", "3")],
            &[("ID", "x"), ("COUNT", "2")],
            &[("ID", "1"), ("COUNT", "2"), ("MIN", "5")],
        ] {
            assert!(slurm(bad).is_err(), "{bad:?}");
        }
    }
}
