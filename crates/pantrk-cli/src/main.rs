//! The `pantrk` program: commands over the libraries.
//!
//! Results go to files, one short table to stdout, progress and logs to stderr.
//!
//! **Architecture invariant:** a command decides what to run and where results go; it measures, judges and draws nothing itself.
#![forbid(unsafe_code)]

mod commands;
mod failure;
mod inputs;
mod output;
mod progress;
mod scoring;
mod stop;

use std::process::ExitCode;

use clap::Parser as _;

use commands::Cli;
use failure::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failure and go to stdout; clap knows.
            let failed = error.use_stderr();
            if error.print().is_err() || failed {
                return Exit::Usage.code();
            }
            return ExitCode::SUCCESS;
        }
    };
    stop::listen();
    match cli.run() {
        Ok(exit) => exit.code(),
        Err(failure) => {
            output::say(&format!("pantrk: {failure}"));
            failure.exit.code()
        }
    }
}
