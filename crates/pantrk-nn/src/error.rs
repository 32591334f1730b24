//! What can go wrong with a model.

use std::path::PathBuf;

/// A model that cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read a model file: {}", path.display())]
    Io {
        /// What the system said.
        source: std::io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// The manifest breaks its format.
    #[error("bad model manifest: {reason}: {}", path.display())]
    Manifest {
        /// What is wrong, naming the key and its line where it is known.
        reason: String,
        /// The manifest.
        path: PathBuf,
    },
    /// The weights are not those that the manifest speaks of.
    #[error("the weights have sha256 {found}, the manifest wants {wanted}: {}", path.display())]
    Checksum {
        /// Of the file.
        found: String,
        /// Of the manifest.
        wanted: String,
        /// The weights.
        path: PathBuf,
    },
    /// The file is larger than any ONNX file may be.
    #[error("the file has {found} bytes, at most {limit} are read: {}", path.display())]
    Limits {
        /// Bytes of the file.
        found: u64,
        /// Bytes allowed.
        limit: u64,
        /// The file.
        path: PathBuf,
    },
    /// The file is not ONNX, or breaks its format.
    #[error("not a valid ONNX model: {reason}: {}", path.display())]
    Onnx {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A valid model that this runtime cannot run.
    #[error("{runtime} cannot run the model: {reason}: {}", path.display())]
    Unsupported {
        /// The runtime.
        runtime: &'static str,
        /// What the runtime said, on one line.
        reason: String,
        /// The weights.
        path: PathBuf,
    },
    /// A runtime that this machine or this build does not have.
    #[error("{runtime} cannot be used: {reason}")]
    NoRuntime {
        /// The runtime.
        runtime: &'static str,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The network and the manifest do not fit each other.
    #[error("the model's {what} is {found}, wanted {wanted}: {}", path.display())]
    Mismatch {
        /// Such as `input name`.
        what: String,
        /// In the network.
        found: String,
        /// By the manifest.
        wanted: String,
        /// The weights.
        path: PathBuf,
    },
    /// A run failed.
    #[error("model {model} failed to run: {reason}")]
    Run {
        /// The model's name.
        model: String,
        /// What the runtime said, on one line.
        reason: String,
    },
    /// A run gave infinities or NaN.
    #[error("model {model} gave values that are not finite in output {output}")]
    NotFinite {
        /// The model's name.
        model: String,
        /// The output's name.
        output: String,
    },
    /// The input does not fit the model.
    #[error("the {what} has {found} values, model {model} wants {wanted}")]
    Input {
        /// The model's name.
        model: String,
        /// Such as `patch`.
        what: &'static str,
        /// Values handed in.
        found: usize,
        /// Values needed.
        wanted: usize,
    },
}

/// One line of at most 300 characters out of an error chain that may have many.
pub(crate) fn one_line(text: &str) -> String {
    const LIMIT: usize = 300;
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LIMIT {
            line = line.chars().take(LIMIT).collect();
            line.push_str(" ...");
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_becomes_one_line() {
        assert_eq!(one_line("a\n  b\tc "), "a b c");
        let long = one_line(&"word ".repeat(1000));
        assert!(long.len() <= 304 && long.ends_with(" ..."), "{long}");
    }
}
