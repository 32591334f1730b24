//! What has been made of a slide's tiles, within a budget of bytes.

use std::collections::BTreeMap;

use crate::pyramid::TileKey;

struct Entry<T> {
    value: T,
    bytes: usize,
    used: u64,
}

/// Tiles by their key; the least recently used go first when the budget is spent.
pub(crate) struct TileCache<T> {
    entries: BTreeMap<TileKey, Entry<T>>,
    budget: usize,
    held: usize,
    clock: u64,
}

impl<T> TileCache<T> {
    /// An empty cache for `budget` bytes.
    pub(crate) const fn new(budget: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            budget,
            held: 0,
            clock: 0,
        }
    }

    /// The tile, if it is there; looking does not count as using, see [`TileCache::touch`].
    pub(crate) fn get(&self, key: TileKey) -> Option<&T> {
        self.entries.get(&key).map(|entry| &entry.value)
    }

    /// Marks a tile as used just now.
    pub(crate) fn touch(&mut self, key: TileKey) {
        self.clock += 1;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used = self.clock;
        }
    }

    /// Takes a tile of `bytes` bytes, and lets go of the least recently used ones until the budget holds.
    pub(crate) fn insert(&mut self, key: TileKey, value: T, bytes: usize) {
        self.clock += 1;
        let entry = Entry {
            value,
            bytes,
            used: self.clock,
        };
        self.held += bytes;
        if let Some(old) = self.entries.insert(key, entry) {
            self.held -= old.bytes;
        }
        while self.held > self.budget {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(&key, _)| key) else {
                break;
            };
            if let Some(old) = self.entries.remove(&oldest) {
                self.held -= old.bytes;
            }
        }
    }

    /// Bytes held.
    #[cfg(test)]
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Tiles held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(column: u32) -> TileKey {
        TileKey {
            opening: 1,
            level: 0,
            row: 0,
            column,
        }
    }

    #[test]
    fn the_budget_holds_and_the_used_ones_stay() {
        let mut cache = TileCache::new(1_000);
        for column in 0..10 {
            cache.insert(key(column), column, 100);
        }
        assert_eq!(cache.held(), 1_000);
        cache.touch(key(0));
        for column in 10..15 {
            cache.insert(key(column), column, 100);
            assert!(cache.held() <= 1_000);
        }
        assert_eq!(cache.get(key(0)), Some(&0), "used last, so kept");
        for column in 1..6 {
            assert_eq!(cache.get(key(column)), None, "{column} was the oldest");
        }
        assert_eq!(cache.len(), 10);
    }

    #[test]
    fn a_tile_that_comes_twice_is_counted_once() {
        let mut cache = TileCache::new(1_000);
        cache.insert(key(1), 'a', 300);
        cache.insert(key(1), 'b', 200);
        assert_eq!((cache.held(), cache.get(key(1))), (200, Some(&'b')));
        cache.insert(key(2), 'c', 2_000);
        assert_eq!(
            (cache.held(), cache.len()),
            (0, 0),
            "larger than the budget"
        );
    }
}
