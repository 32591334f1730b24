//! The file behind a slide, read at places.
//!
//! **Architecture invariant:** reads carry their offset and share no cursor, so that threads need no lock.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// An open file of known length.
#[derive(Debug)]
pub(crate) struct Source {
    bytes: Bytes,
    len: u64,
    path: PathBuf,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Bytes {
    File(File),
    #[cfg(feature = "cloud")]
    Remote(Box<crate::remote::Remote>),
}

/// Whether a path is the address of a slide that is on no file system (`https://`, `http://`, `s3://`); a path of this form is never a file's.
///
/// [`Slide::open`](crate::Slide::open) reads it in builds with the feature `cloud`, and refuses it by name in others.
pub fn is_address(path: &Path) -> bool {
    address(path).is_some()
}

fn address(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    ["https", "http", "s3"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        .then_some(text)
}

impl Source {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(address) = address(path) {
            return Self::open_remote(path, address);
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "this is a folder, a slide file is wanted",
            ));
        }
        Ok(Self {
            bytes: Bytes::File(file),
            len: meta.len(),
            path: path.to_path_buf(),
        })
    }

    #[cfg(feature = "cloud")]
    fn open_remote(path: &Path, address: &str) -> io::Result<Self> {
        let remote = crate::remote::Remote::open(address)?;
        Ok(Self {
            len: remote.len(),
            bytes: Bytes::Remote(Box::new(remote)),
            path: path.to_path_buf(),
        })
    }

    #[cfg(not(feature = "cloud"))]
    fn open_remote(_path: &Path, _address: &str) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "slides on servers are read by builds with the feature `cloud` (cargo build --release --features cloud); build it so, or copy the slide to this machine",
        ))
    }

    /// Whether the slide is on no file system, so that nothing can be looked for beside it.
    pub(crate) fn is_remote(&self) -> bool {
        address(&self.path).is_some()
    }

    /// Length in bytes when the file was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `out` from `offset`; a file that ends before that is an error.
    pub(crate) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.bytes {
            Bytes::File(file) => positional::read_exact_at(file, out, offset),
            #[cfg(feature = "cloud")]
            Bytes::Remote(remote) => remote.read_exact_at(out, offset),
        }
    }

    /// Replaces what `out` holds by `len` bytes from `offset`.
    ///
    /// The length is held against the file's before anything is allocated.
    pub(crate) fn read_into(&self, out: &mut Vec<u8>, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "{len} bytes at {offset} reach beyond the file's end at {}",
                    self.len
                ),
            ));
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        out.resize(len, 0);
        self.read_exact_at(out, offset)
    }
}

#[cfg(unix)]
mod positional {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;

    pub(super) fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(out, offset)
    }
}

#[cfg(windows)]
mod positional {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt as _;

    /// `seek_read` moves the cursor, but as each read carries its offset, nobody looks at it.
    pub(super) fn read_exact_at(
        file: &File,
        mut out: &mut [u8],
        mut offset: u64,
    ) -> io::Result<()> {
        while !out.is_empty() {
            let n = match file.seek_read(out, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            out = out.get_mut(n..).unwrap_or_default();
            offset = offset.saturating_add(n as u64);
        }
        Ok(())
    }
}
