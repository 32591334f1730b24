//! The tiles decoded last, bounded by bytes.
//!
//! Neighbouring patches share tiles; without a cache a tile under four patches is decoded four times.
//!
//! **Architecture invariant:** the lock is held for looking up and putting in, never while decoding. Two threads may decode one tile at the same time; both get the same pixels.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pantrk_space::{LevelIndex, TileIndex};

type Key = (LevelIndex, TileIndex);

/// A least-recently-used map of decoded tiles.
#[derive(Debug)]
pub(crate) struct TileCache {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tiles: HashMap<Key, (u64, Arc<Vec<u8>>)>,
    /// By the time of the last use.
    order: BTreeMap<u64, Key>,
    bytes: usize,
    clock: u64,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock = self.clock.wrapping_add(1);
        self.clock
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_first() else {
            return false;
        };
        if let Some((_, tile)) = self.tiles.remove(&key) {
            self.bytes = self.bytes.saturating_sub(tile.len());
        }
        true
    }
}

impl TileCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic between two map operations cannot leave pixels wrong, at worst the byte count.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, level: LevelIndex, tile: TileIndex) -> Option<Arc<Vec<u8>>> {
        if self.capacity == 0 {
            return None;
        }
        let mut state = self.lock();
        let now = state.tick();
        let (used, pixels) = state.tiles.get_mut(&(level, tile))?;
        let pixels = Arc::clone(pixels);
        let before = std::mem::replace(used, now);
        state.order.remove(&before);
        state.order.insert(now, (level, tile));
        Some(pixels)
    }

    pub(crate) fn put(&self, level: LevelIndex, tile: TileIndex, pixels: Arc<Vec<u8>>) {
        if pixels.len() > self.capacity {
            return;
        }
        let mut state = self.lock();
        if state.tiles.contains_key(&(level, tile)) {
            return;
        }
        while state.bytes.saturating_add(pixels.len()) > self.capacity {
            if !state.drop_oldest() {
                break;
            }
        }
        let now = state.tick();
        state.bytes = state.bytes.saturating_add(pixels.len());
        state.order.insert(now, (level, tile));
        state.tiles.insert((level, tile), (now, pixels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(column: u32) -> TileIndex {
        TileIndex { column, row: 0 }
    }

    #[test]
    fn the_tile_unused_for_longest_goes_first() {
        let cache = TileCache::new(300);
        let level = LevelIndex(0);
        for column in 0..3 {
            cache.put(level, key(column), Arc::new(vec![0; 100]));
        }
        assert!(cache.get(level, key(0)).is_some());
        cache.put(level, key(3), Arc::new(vec![0; 100]));
        assert!(cache.get(level, key(1)).is_none());
        for column in [0, 2, 3] {
            assert!(cache.get(level, key(column)).is_some(), "{column}");
        }
        assert!(cache.lock().bytes <= 300);
    }

    #[test]
    fn nothing_larger_than_the_cache_is_kept() {
        let cache = TileCache::new(50);
        cache.put(LevelIndex(0), key(0), Arc::new(vec![0; 51]));
        assert!(cache.get(LevelIndex(0), key(0)).is_none());
    }
}
