//! The help of every subcommand, completions and man pages.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]

use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ghactivity");

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help() {
    for command in [
        "status",
        "ingest",
        "backfill",
        "hour",
        "rollback",
        "prove",
        "watch",
        "query",
        "report",
        "lineage",
        "load-csv",
        "unload",
        "quarantine",
        "events",
        "teardown",
        "local",
    ] {
        insta::assert_snapshot!(command, printed(&[command, "--help"]));
    }
    for action in ["put", "verify"] {
        insta::assert_snapshot!(format!("events-{action}"), printed(&["events", action, "--help"]));
    }
}

#[test]
fn completions_have_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["backfill", "quarantine", "--dry-run"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
}

#[test]
fn each_subcommand_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["man", "--out", folder.path().to_str().unwrap()]);
    for page in ["ghactivity.1", "ghactivity-backfill.1", "ghactivity-quarantine-replay.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(printed(&["man"]).contains(".SH SUBCOMMANDS"));
}
