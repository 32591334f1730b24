//! Exit codes, and errors that know theirs.

use std::fmt;
use std::io;
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

/// Where the cause of a slide's failure lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// In the slide, or in what was asked for it: the same again fails again.
    Slide,
    /// In what the machine gives, such as a network that went away: the same again may work.
    Machine,
    /// In the output folder: no slide can be written.
    Output,
}

/// An error and how the program ends for it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
    advice: Option<&'static str>,
    /// Where it happened, as in `result.json`'s seconds; none before the stages.
    stage: Option<String>,
    /// Set where the error's kind does not tell.
    cause: Option<Cause>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
            advice: None,
            stage: None,
            cause: None,
        }
    }

    /// Says in which stage it happened.
    pub(crate) fn in_stage(mut self, stage: Option<String>) -> Self {
        self.stage = self.stage.or(stage);
        self
    }

    /// Says where the cause lies.
    pub(crate) fn because_of(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The stage in which it happened.
    pub(crate) fn stage(&self) -> &str {
        self.stage.as_deref().unwrap_or("inputs")
    }

    /// Where the cause lies, as far as the system's answer tells.
    pub(crate) fn cause(&self) -> Cause {
        use io::ErrorKind as Kind;
        if let Some(cause) = self.cause {
            return cause;
        }
        let system = self
            .error
            .chain()
            .find_map(|error| error.downcast_ref::<io::Error>());
        match system.map(io::Error::kind) {
            Some(Kind::StorageFull | Kind::QuotaExceeded | Kind::ReadOnlyFilesystem) => {
                Cause::Output
            }
            None
            | Some(
                Kind::NotFound
                | Kind::InvalidData
                | Kind::UnexpectedEof
                | Kind::IsADirectory
                | Kind::NotADirectory
                | Kind::InvalidInput,
            ) => Cause::Slide,
            Some(_) => Cause::Machine,
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
