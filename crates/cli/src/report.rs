//! `ghactivity report`: one page about a stretch of hours, whole in itself.
//!
//! [`figures`] are its questions, [`page`] puts answers and charts into HTML, [`browser`] makes a picture of it.

mod browser;
mod figures;
mod page;

use std::path::{Path, PathBuf};

use clap::Args;
use futures::future::try_join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use pipeline::ArchiveHour;
use serde_json::json;

use crate::calendar::Calendar;
use crate::query::athena;
use crate::stack::{Problem, StackArguments};
use page::{Answered, Page};

/// Which hours, and where to.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// First hour, or a day from its first hour
    #[arg(long, value_name = "YYYY-MM-DD[-H]", value_parser = first_of)]
    from: ArchiveHour,
    /// Last hour, included, or a day to its last hour
    #[arg(long, value_name = "YYYY-MM-DD[-H]", value_parser = last_of)]
    to: ArchiveHour,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// A picture of the page too, for mails; needs Chromium or Chrome (or the program that CHROME names)
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Print one JSON object with the files and the names of the figures
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
The page holds everything itself: it can be mailed, opened without a network, read in light and dark and on a phone, and
printed. Each figure has its query and its values below it. The coverage calendar and the data quality come from the ledger.

Examples:
  ghactivity report --from 2025-11-21 --to 2025-11-21
  ghactivity report --from 2025-11-01 --to 2025-11-30 --out november.html --png november.png
  ghactivity report --from 2025-11-21-6 --to 2025-11-21-9

Exit status:
  0  written
  1  the command line makes no sense
  2  a query failed, or a file cannot be written";

/// Asks every question and writes the page.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Problem> {
    let Arguments { from, to, out, png, json, stack } = arguments;
    if from > to {
        return Err(Problem::Usage(format!("--from {from} lies after --to {to}: exchange them")));
    }
    let stack = stack.find().await?;
    let now = Timestamp::now();
    let marks = stack.ledger()?.marks(from, to).await.map_err(|error| Problem::of(&stack.aws, error))?;
    let figures = figures::all(from, to);
    let stack = &stack;
    let answers = figures.into_iter().map(|figure| async move {
        let answer = athena::run(stack, &figure.sql).await?;
        Ok::<_, Problem>(Answered { figure, answer })
    });
    let answers = try_join_all(answers).await?;
    let scanned: u64 = answers.iter().map(|one| one.answer.scanned_bytes).sum();
    let table = stack.output("ArchiveHoursTableName")?;
    let calendar = Calendar::new(from, to, &marks, now);
    let page = Page { stack: &stack.name, table, from, to, now, answers: &answers, marks: &marks, calendar: &calendar };
    write(&out, page.html().as_bytes())?;
    let (queries, dollars) =
        (answers.len(), answers.iter().map(|one| athena::dollars(one.answer.scanned_bytes).0).sum());
    let size = indicatif::BinaryBytes(scanned);
    eprintln!("  {queries} queries, {size} scanned, {}", athena::Dollars(dollars));
    let tell = |file: &Path| {
        if !json {
            crate::output::text(&format!("{}\n", file.display()))
        }
    };
    tell(&out);
    if let Some(png) = &png {
        browser::picture(&out, png)?;
        tell(png);
    }
    if json {
        let figures: Vec<_> = answers.iter().map(|one| one.figure.title).collect();
        let told = json!({"page": out, "picture": png, "figures": figures, "scanned_bytes": scanned});
        crate::output::json(&told);
    }
    Ok(())
}

/// Writes a file in one step: nobody sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        // Not only for its owner, as temporary files are.
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| Problem::File { path: path.display().to_string(), reason: error.to_string() })
}

/// The first hour that a person means by an hour or a day.
pub(crate) fn first_of(text: &str) -> Result<ArchiveHour, String> {
    moment(text, 0)
}

/// The last one.
pub(crate) fn last_of(text: &str) -> Result<ArchiveHour, String> {
    moment(text, 23)
}

/// An hour, or the hour `of_day` of a day.
fn moment(text: &str, of_day: u8) -> Result<ArchiveHour, String> {
    let hour = match text.parse::<Date>() {
        Ok(day) => format!("{day}-{of_day}").parse(),
        Err(_) => text.parse::<ArchiveHour>(),
    };
    hour.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_stands_for_its_hours() {
        for (text, first, last) in
            [("2025-11-21", "2025-11-21-0", "2025-11-21-23"), ("2025-11-21-7", "2025-11-21-7", "2025-11-21-7")]
        {
            assert_eq!(first_of(text).unwrap().to_string(), first);
            assert_eq!(last_of(text).unwrap().to_string(), last);
        }
        assert!(first_of("2025-11").is_err() && first_of("2025-11-21-24").is_err() && first_of("2025-11-31").is_err());
    }
}
