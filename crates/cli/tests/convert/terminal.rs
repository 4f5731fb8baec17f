//! The output on a terminal.

use std::process::{Command, Stdio};

use crate::support::{CommandRun, ConvertFolder, PROGRAM, clean_hour};

#[test]
fn terminal_shows_a_bar_without_colours() {
    let folder = ConvertFolder::new();
    folder.file("2025-11-21-0.json.gz", &clean_hour(5000));
    let command = format!("{PROGRAM} convert 2025-11-21-0.json.gz --out out --chunk-records 500");
    let mut script = Command::new("script");
    script.current_dir(folder.folder.path()).env("NO_COLOR", "1").env("TERM", "xterm").stdin(Stdio::null());
    let Ok(output) = script.args(["-qec", &command, "/dev/null"]).output() else {
        println!("skipped: no program 'script'");
        return;
    };
    let run = CommandRun::of(output).ok();
    let bar = run.stdout.split_once("hour ").map(|(bar, _)| bar).unwrap_or_default();
    assert!(bar.contains(" records, ") && bar.contains("/s, ") && bar.contains(" left"), "{bar:?}");
    let colours = run.stdout.split("\u{1b}[").skip(1).any(|code| {
        code.split_once('m')
            .is_some_and(|(code, _)| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
    });
    assert!(!colours, "{:?}", run.stdout);
}
