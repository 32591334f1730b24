//! Exit codes, and errors that know theirs.

use std::fmt;
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All good.
    Good,
    /// Some slides failed; the others' results stand. Also a result that could not be written.
    SomeFailed,
    /// The command line, or a file that it names, asks for something that cannot be.
    Usage,
    /// Nothing could be read.
    NothingRead,
    /// A check before the work failed: model or device.
    Preflight,
    /// Stopped by a signal.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::NothingRead => 3,
            Self::Preflight => 4,
            Self::Interrupted => 130,
        }
    }
}

/// An error and how the program ends for it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
    advice: Option<&'static str>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
            advice: None,
        }
    }

    /// Says what to do, where the error itself cannot know it.
    pub(crate) fn with_advice(mut self, advice: Option<&'static str>) -> Self {
        self.advice = advice;
        self
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{message}"))
    }
}

impl fmt::Display for Failure {
    /// The whole chain, and the advice, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = String::new();
        for (i, cause) in self.error.chain().enumerate() {
            let text = cause.to_string();
            // Errors that print their source already would say it twice.
            if last.contains(&text) {
                continue;
            }
            let separator = if i == 0 { "" } else { ": " };
            write!(f, "{separator}{}", text.replace('\n', " "))?;
            last = text;
        }
        if let Some(advice) = self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

/// Says how the program ends if this fails.
pub(crate) trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}
