//! What holds of every command.

use crate::Arguments;
use clap::{Command, CommandFactory as _, Parser as _};

/// Every command that does something, with the words that call it.
fn leaves(command: &Command, words: &[String], into: &mut Vec<(Vec<String>, Command)>) {
    let below: Vec<&Command> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
    if below.is_empty() {
        into.push((words.to_vec(), command.clone()));
    }
    for command in below {
        let words: Vec<String> = words.iter().cloned().chain([command.get_name().to_owned()]).collect();
        leaves(command, &words, into);
    }
}

#[test]
fn the_command_line_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_has_an_example_that_is_understood() {
    let mut all = Vec::new();
    leaves(&Arguments::command(), &["sallyport".to_owned()], &mut all);
    assert!(all.len() >= 40, "{}", all.len());
    for (words, mut command) in all {
        let help = command.render_long_help().to_string();
        let example = help.lines().find_map(|line| line.trim().strip_prefix("$ "));
        let example = example.unwrap_or_else(|| panic!("no example: {words:?}"));
        assert!(example.starts_with(&words.join(" ")), "{words:?}: {example}");
        // Up to what the shell does with it.
        let given = example.split_whitespace().take_while(|word| !["|", ">", "<"].contains(word));
        if let Err(error) = Arguments::try_parse_from(given) {
            panic!("{example}: {error}");
        }
    }
}

#[test]
fn a_secret_as_an_argument_is_refused_and_not_repeated() {
    for words in [
        "token list --api-token=spat_secret",
        "login --token=spat_secret --admin http://a --account b",
        "curl https://a.test --client-secret=spst_secret",
        "alert webhook create a --url https://a.test --secret=spst_secret",
    ] {
        let words = ["sallyport"].into_iter().chain(words.split(' '));
        let Err(error) = Arguments::try_parse_from(words.clone()) else {
            panic!("{:?}", words.collect::<Vec<_>>())
        };
        let said = error.to_string();
        assert!(error.exit_code() == 2 && !said.contains("_secret"), "{said}");
    }
}

#[test]
fn the_exit_codes_are_documented() {
    let help = Arguments::command().render_long_help().to_string();
    assert!(help.contains("Exit codes:") && help.contains("  7  done, but not confirmed"), "{help}");
}
