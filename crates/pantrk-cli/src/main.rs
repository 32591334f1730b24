//! The `pantrk` program: commands over the libraries.
//!
//! Results go to files, one short table to stdout, progress and logs to stderr.
//!
//! **Architecture invariant:** a command decides what to run and where results go; it measures, judges and draws nothing itself.

mod commands;
#[cfg(feature = "viewer")]
mod desk;
mod failure;
mod inputs;
mod machine;
mod manifest;
mod meanwhile;
mod night;
mod output;
mod preflight;
mod progress;
mod region_classes;
mod scoring;
mod shard;
mod stop;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use commands::Cli;
use failure::Exit;

fn main() -> ExitCode {
    machine::share_heaps();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            return usage(&error);
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

/// Help where help was asked for or nothing else was, else what is wrong with the command line, in one line.
fn usage(error: &clap::Error) -> ExitCode {
    let help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if error.use_stderr() && !help {
        let first = std::env::args_os().nth(1);
        let first = first.map(|arg| arg.to_string_lossy().into_owned());
        output::say(&format!(
            "pantrk: {}",
            one_line(&error.to_string(), first.as_deref())
        ));
        return Exit::Usage.code();
    }
    // Help and version are no failure and go to stdout; clap knows.
    if error.print().is_err() || error.use_stderr() {
        return Exit::Usage.code();
    }
    ExitCode::SUCCESS
}

/// clap's words without its layout; in place of the usage, the command whose help shows it.
fn one_line(rendered: &str, first: Option<&str>) -> String {
    let lines = rendered.lines().map(str::trim);
    let words: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage: ") && !line.starts_with("For more info"))
        .filter(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    let known = |name: &&str| Cli::command().find_subcommand(name).is_some();
    let command = first
        .filter(known)
        .map_or_else(String::new, |name| format!(" {name}"));
    format!("{}; try pantrk{command} --help", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_command_line_is_one_line_that_names_the_help() {
        let of = |args: &[&str]| {
            let error = Cli::try_parse_from(args).unwrap_err();
            one_line(&error.to_string(), args.get(1).copied())
        };
        let missing = of(&["pantrk", "score", "slide.svs"]);
        assert!(missing.contains("--out <DIR>"), "{missing}");
        assert!(missing.ends_with("; try pantrk score --help"), "{missing}");
        let value = of(&["pantrk", "triage", "--ihc", "maybe"]);
        assert!(value.contains("'maybe'"), "{value}");
        assert!(value.contains("not-evaluable"), "{value}");
        assert!(!missing.contains('\n') && !value.contains('\n'));
    }
}
