//! A file on a web server or in an object store, read by ranges.
//!
//! What was read is kept in blocks, the latest [`KEPT`] bytes of them; blocks that follow each other come in one request, and the more of the file is read in order, the further ahead.
//!
//! **Architecture invariant:** a block that two threads miss is fetched once, and no lock is held while it comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Location;
use object_store::{ClientOptions, GetOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};
use url::Url;

/// Bytes of a block: a few tiles.
const BLOCK: u64 = 128 << 10;
/// Bytes of blocks that are kept.
const KEPT: u64 = 64 << 20;
/// Blocks that are fetched ahead at most, when a file is read in order.
const AHEAD: u64 = 16;
/// Blocks in one request at most.
const REQUEST: u64 = 64;
/// How far apart, in blocks, two reads of a file that is read in order may begin: threads do not take turns.
const IN_ORDER: u64 = 4;

/// An object of known length.
pub(crate) struct Remote {
    runtime: tokio::runtime::Runtime,
    store: Box<dyn ObjectStore>,
    location: Location,
    len: u64,
    /// So that no two versions of the object are mixed.
    tag: Option<String>,
    blocks: Mutex<Blocks>,
    arrived: Condvar,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("location", &self.location)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Blocks {
    kept: HashMap<u64, (u64, Vec<u8>)>,
    /// Blocks by the time of their last use.
    order: BTreeMap<u64, u64>,
    coming: BTreeSet<u64>,
    clock: u64,
    /// The block after those that were read last, and how many are fetched ahead of it.
    next: u64,
    ahead: u64,
}

impl Blocks {
    /// Notes a read of these blocks and returns how far ahead to fetch.
    fn note(&mut self, first: u64, last: u64) -> u64 {
        self.ahead = if first.abs_diff(self.next) <= IN_ORDER && self.next > 0 {
            self.ahead.saturating_mul(2).clamp(1, AHEAD)
        } else {
            0
        };
        self.next = last.saturating_add(1);
        self.ahead
    }

    /// Copies the part of a block that `out`, which begins at `offset` of the file, wants.
    fn copy(&mut self, block: u64, offset: u64, out: &mut [u8]) -> bool {
        self.clock = self.clock.wrapping_add(1);
        let Some((used, bytes)) = self.kept.get_mut(&block) else {
            return false;
        };
        self.order.remove(used);
        *used = self.clock;
        self.order.insert(self.clock, block);
        let start = block.saturating_mul(BLOCK);
        let as_index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let target = out.get_mut(as_index(start.saturating_sub(offset))..);
        let source = bytes.get(as_index(offset.saturating_sub(start))..);
        if let (Some(target), Some(source)) = (target, source) {
            for (t, s) in target.iter_mut().zip(source) {
                *t = *s;
            }
        }
        true
    }

    fn keep(&mut self, block: u64, bytes: Vec<u8>) {
        while (self.kept.len() as u64).saturating_mul(BLOCK) >= KEPT {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.kept.remove(&oldest);
        }
        self.clock = self.clock.wrapping_add(1);
        self.order.insert(self.clock, block);
        self.kept.insert(block, (self.clock, bytes));
    }
}

/// Blocks that one thread fetches; whatever becomes of it, they are not waited for afterwards.
struct Claim<'a> {
    remote: &'a Remote,
    first: u64,
    /// The first one that is not claimed.
    end: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut blocks = self.remote.lock();
        for block in self.first..self.end {
            blocks.coming.remove(&block);
        }
        drop(blocks);
        self.remote.arrived.notify_all();
    }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}

/// How long a server is asked again: some seconds bridge a dropped connection, and a wrong address is told soon.
fn patience() -> RetryConfig {
    RetryConfig {
        max_retries: 5,
        retry_timeout: Duration::from_secs(30),
        ..RetryConfig::default()
    }
}

/// The store that a URL belongs to.
fn store_of(url: &Url) -> io::Result<Box<dyn ObjectStore>> {
    if url.query().is_some() {
        return Err(invalid(
            "an address with a query (?...), such as a signed link, is not read; download it, or give s3:// with credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "an address with a user name or password is not read, because results name the slide's address; download it",
        ));
    }
    if url.scheme() == "s3" {
        let store = AmazonS3Builder::from_env()
            .with_url(url.as_str())
            .with_retry(patience())
            .build()
            .map_err(io::Error::other)?;
        return Ok(Box::new(store));
    }
    let mut base = url.clone();
    base.set_path("");
    let options = ClientOptions::new().with_allow_http(url.scheme() == "http");
    let store = HttpBuilder::new()
        .with_url(base.as_str())
        .with_client_options(options)
        .with_retry(patience())
        .build()
        .map_err(io::Error::other)?;
    Ok(Box::new(store))
}

impl Remote {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        // Fails where the program has chosen one already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let url = Url::parse(address).map_err(|error| invalid(error.to_string()))?;
        let store = store_of(&url)?;
        let location = Location::from_url_path(url.path()).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let meta = runtime
            .block_on(store.head(&location))
            .map_err(|error| match error {
                object_store::Error::NotFound { .. } => {
                    io::Error::new(io::ErrorKind::NotFound, "there is nothing at this address")
                }
                other => io::Error::other(other),
            })?;
        Ok(Self {
            runtime,
            store,
            location,
            len: meta.size,
            // A weak tag says that two versions are alike, not that they are the same.
            tag: meta.e_tag.filter(|tag| !tag.starts_with("W/")),
            blocks: Mutex::default(),
            arrived: Condvar::new(),
        })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    fn lock(&self) -> MutexGuard<'_, Blocks> {
        // What a panic can leave behind is a block less.
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if out.is_empty() {
            return Ok(());
        }
        let number = |at: u64| at.checked_div(BLOCK).unwrap_or(0);
        let (first, last) = (number(offset), number(end.saturating_sub(1)));
        let ahead = self.lock().note(first, last);
        for block in first..=last {
            self.load(block, last.saturating_add(ahead), offset, out)?;
        }
        Ok(())
    }

    /// Copies what `out` wants of a block; fetches it, and what is missing up to block `last`, where nobody has.
    fn load(&self, block: u64, last: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        loop {
            let mut blocks = self.lock();
            if blocks.copy(block, offset, out) {
                return Ok(());
            }
            if blocks.coming.contains(&block) {
                // Whoever fetches it wakes all, also when it fails; then it is tried here.
                drop(
                    self.arrived
                        .wait(blocks)
                        .unwrap_or_else(PoisonError::into_inner),
                );
                continue;
            }
            let most = block.saturating_add(REQUEST).min(last.saturating_add(1));
            let most = most.min(self.len.div_ceil(BLOCK));
            let mut end = block;
            while end < most.max(block.saturating_add(1))
                && !blocks.kept.contains_key(&end)
                && blocks.coming.insert(end)
            {
                end = end.saturating_add(1);
            }
            drop(blocks);
            self.fetch(&Claim {
                remote: self,
                first: block,
                end,
            })?;
        }
    }

    fn fetch(&self, claim: &Claim<'_>) -> io::Result<()> {
        let start = claim.first.saturating_mul(BLOCK);
        let end = claim.end.saturating_mul(BLOCK).min(self.len);
        let options = GetOptions {
            range: Some((start..end).into()),
            if_match: self.tag.clone(),
            ..GetOptions::default()
        };
        let bytes = self
            .runtime
            .block_on(async {
                let result = self.store.get_opts(&self.location, options).await?;
                result.bytes().await
            })
            .map_err(|error| match error {
                object_store::Error::Precondition { .. } => {
                    io::Error::other("the file was changed on the server while it was read")
                }
                other => io::Error::other(other),
            })?;
        if bytes.len() as u64 != end.saturating_sub(start) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "the server sent {} bytes where {} were asked for",
                    bytes.len(),
                    end.saturating_sub(start)
                ),
            ));
        }
        let step = usize::try_from(BLOCK).map_err(io::Error::other)?;
        let mut blocks = self.lock();
        for (block, part) in (claim.first..).zip(bytes.chunks(step)) {
            blocks.keep(block, part.to_vec());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_in_order_fetches_further_and_further_ahead() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.note(40, 41), 0);
        let ahead: Vec<u64> = (42..50).map(|block| blocks.note(block, block)).collect();
        assert_eq!(ahead, [1, 2, 4, 8, 16, 16, 16, 16]);
        assert_eq!(blocks.note(1000, 1000), 0);
    }

    #[test]
    fn kept_blocks_are_bounded_and_the_oldest_go() {
        let mut blocks = Blocks::default();
        let most = KEPT / BLOCK;
        for block in 0..most + 3 {
            blocks.keep(block, vec![u8::try_from(block % 251).unwrap(); 8]);
        }
        assert_eq!(blocks.kept.len() as u64, most);
        assert!(!blocks.copy(2, 0, &mut [0; 8]));
        let mut out = [0; 4];
        assert!(blocks.copy(3, 3 * BLOCK + 4, &mut out));
        assert_eq!(out, [3; 4]);
    }

    #[test]
    fn signed_links_are_refused_with_what_to_do() {
        let error = Remote::open("https://localhost/a.svs?X-Amz-Signature=1").unwrap_err();
        assert!(error.to_string().contains("signed link"), "{error}");
    }
}
