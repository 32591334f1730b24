//! The tiles decoded last, bounded by bytes.
//!
//! Neighbouring patches share tiles; without a cache a tile under four patches is decoded four times.
//!
//! **Architecture invariant:** the lock is held for looking up and putting in, never while decoding. A tile that two threads miss is decoded by the first; the other waits for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pantrk_space::{LevelIndex, TileIndex};

type Key = (LevelIndex, TileIndex);

/// A least-recently-used map of decoded tiles.
#[derive(Debug)]
pub(crate) struct TileCache {
    capacity: usize,
    state: Mutex<State>,
    /// Wakes those who wait for a tile of [`State::coming`].
    done: Condvar,
}

/// What [`TileCache::find`] found.
pub(crate) enum Found<'a> {
    Pixels(Arc<Vec<u8>>),
    /// To be decoded by the one who asked.
    Missing(Claim<'a>),
}

/// The right to decode a tile; whoever else wants it waits until this is put or dropped.
pub(crate) struct Claim<'a> {
    cache: &'a TileCache,
    key: Key,
}

impl Claim<'_> {
    /// Keeps the pixels for the others.
    pub(crate) fn put(self, pixels: Arc<Vec<u8>>) {
        self.cache.put(self.key.0, self.key.1, pixels);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.cache.lock().coming.remove(&self.key);
        self.cache.done.notify_all();
    }
}

#[derive(Debug, Default)]
struct State {
    tiles: HashMap<Key, (u64, Arc<Vec<u8>>)>,
    /// By the time of the last use.
    order: BTreeMap<u64, Key>,
    /// Tiles that are being decoded.
    coming: HashSet<Key>,
    bytes: usize,
    clock: u64,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock = self.clock.wrapping_add(1);
        self.clock
    }

    fn get(&mut self, key: Key) -> Option<Arc<Vec<u8>>> {
        let now = self.tick();
        let (used, pixels) = self.tiles.get_mut(&key)?;
        let pixels = Arc::clone(pixels);
        let before = std::mem::replace(used, now);
        self.order.remove(&before);
        self.order.insert(now, key);
        Some(pixels)
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
            done: Condvar::new(),
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
        self.lock().get((level, tile))
    }

    /// A tile, or the right to decode it, which is given to one thread at a time.
    pub(crate) fn find(&self, level: LevelIndex, tile: TileIndex) -> Found<'_> {
        let key = (level, tile);
        let mut state = self.lock();
        loop {
            if let Some(pixels) = state.get(key) {
                return Found::Pixels(pixels);
            }
            if self.capacity == 0 || state.coming.insert(key) {
                return Found::Missing(Claim { cache: self, key });
            }
            state = self
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
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
    fn a_tile_that_many_miss_is_decoded_once() {
        let cache = TileCache::new(1000);
        let decoded = std::sync::atomic::AtomicUsize::new(0);
        let find = || match cache.find(LevelIndex(0), key(0)) {
            Found::Pixels(pixels) => assert_eq!(*pixels, [7; 10]),
            Found::Missing(claim) => {
                decoded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                claim.put(Arc::new(vec![7; 10]));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(find);
            }
        });
        assert_eq!(decoded.into_inner(), 1);
    }

    #[test]
    fn a_claim_that_fails_passes_to_the_next() {
        let cache = TileCache::new(1000);
        for _ in 0..2 {
            let found = cache.find(LevelIndex(0), key(0));
            assert!(matches!(found, Found::Missing(_)));
        }
    }

    #[test]
    fn nothing_larger_than_the_cache_is_kept() {
        let cache = TileCache::new(50);
        cache.put(LevelIndex(0), key(0), Arc::new(vec![0; 51]));
        assert!(cache.get(LevelIndex(0), key(0)).is_none());
    }
}
