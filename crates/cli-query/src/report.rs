//! `ghactivity report`: a self-contained HTML page about a range of hours.
//!
//! [`figures`] has the queries, [`page`] renders the HTML, [`browser`] makes a picture of it.

mod browser;
mod figures;
mod file;
mod page;

use std::path::{Path, PathBuf};

use clap::Args;
use cli_core::hours::{first_of, last_of};
use cli_core::{CliError, output};
use cli_stack::StackArguments;
use cli_stack::calendar::CoverageCalendar;
use futures::future::try_join_all;
use jiff::Timestamp;
use pipeline::ArchiveHour;
use serde_json::json;

use crate::athena;
use file::write;
use page::{AnsweredFigure, ReportPage};

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// First hour, or first day
    #[arg(long, value_name = "YYYY-MM-DD[-H]", value_parser = first_of)]
    from: ArchiveHour,
    /// Last hour or last day, included
    #[arg(long, value_name = "YYYY-MM-DD[-H]", value_parser = last_of)]
    to: ArchiveHour,
    /// File of the page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Also write a picture of the page; needs Chromium or Chrome (or set CHROME to its path)
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Print one JSON object with the files and the figures
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArguments,
}

const AFTER_HELP: &str = "\
Writes an HTML page about a range of hours. The page is self-contained: it can be mailed, opened offline, printed, and read on a
phone, in light and dark mode. Each figure has its query and values. Coverage and data quality come from the ledger.

Examples:
  ghactivity report --from 2025-11-21 --to 2025-11-21
  ghactivity report --from 2025-11-01 --to 2025-11-30 --out november.html --png november.png
  ghactivity report --from 2025-11-21-6 --to 2025-11-21-9

Exit status:
  0  written
  1  usage error
  2  a query failed, or a file cannot be written";

/// Runs all queries and writes the page.
pub async fn run(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { from, to, out, png, json, stack } = arguments;
    if from > to {
        return Err(CliError::Usage(format!("--from {from} is later than --to {to}: swap them")));
    }
    let stack = stack.find().await?;
    let now = Timestamp::now();
    let marks = stack.ledger()?.marks(from, to).await.map_err(|error| stack.aws.error(error))?;
    let figures = figures::all(from, to);
    let stack = &stack;
    let answers = figures.into_iter().map(|figure| async move {
        let answer = athena::run(stack, &figure.sql).await?;
        Ok::<_, CliError>(AnsweredFigure { figure, answer })
    });
    let answers = try_join_all(answers).await?;
    let scanned: u64 = answers.iter().map(|one| one.answer.scanned_bytes).sum();
    let table = stack.output("ArchiveHoursTableName")?;
    let calendar = CoverageCalendar::new(from, to, &marks, now);
    let page =
        ReportPage { stack: &stack.name, table, from, to, now, answers: &answers, marks: &marks, calendar: &calendar };
    write(&out, page.html().as_bytes())?;
    let (queries, dollars) =
        (answers.len(), answers.iter().map(|one| athena::dollars(one.answer.scanned_bytes).0).sum());
    let size = indicatif::BinaryBytes(scanned);
    eprintln!("  {queries} queries, {size} scanned, {}", athena::Dollars(dollars));
    let tell = |file: &Path| {
        if !json {
            output::text(&format!("{}\n", file.display()));
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
        output::json(&told);
    }
    Ok(())
}
