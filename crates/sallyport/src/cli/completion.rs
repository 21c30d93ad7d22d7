//! `sallyport completion`: what a shell offers after Tab.

use super::exit::Outcome;
use super::output::emit_bytes;
use clap::{Args, CommandFactory as _, ValueEnum};

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  $ sallyport completion bash > ~/.local/share/bash-completion/completions/sallyport"
)]
pub struct Options {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(options: &Options) -> Outcome {
    let shell = match options.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::Arguments::command(), "sallyport", &mut script);
    emit_bytes(&script)
}
