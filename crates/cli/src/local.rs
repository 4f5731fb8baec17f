//! `ghactivity local`: the local AWS of the project, run by the package `local_aws`.
//!
//! It needs the folder of the project, which has the template, the code of the functions and `local_aws`. This is the
//! current folder or one above it, or otherwise the folder in which the program was built.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand};
use cli_core::{CliError, output};
use serde::Deserialize;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: LocalCommand,
    /// Folder of all its data
    #[arg(long, global = true, value_name = "DIR", default_value = ".local/aws")]
    directory: PathBuf,
}

#[derive(Subcommand)]
enum LocalCommand {
    /// Build, start the local AWS and a source of hours, and deploy the template
    Up(UpArguments),
    /// Build again and update the stack; other parameters keep their values
    Deploy(DeployArguments),
    /// Stop it and keep its data
    Down,
    /// Show what is running, and where
    Status(StatusArguments),
    /// Draw the CloudWatch dashboards as a page, from the metrics of the functions
    Dashboard,
    /// Print the log of the local AWS and its functions
    Logs(LogsArguments),
    /// Print shell commands that point this command, the SDKs and the AWS CLI to it
    Env,
}

#[derive(Args)]
struct UpArguments {
    /// Number of the newest complete hours to generate
    #[arg(long, value_name = "N", default_value_t = 3)]
    hours: u32,
    /// Events per generated hour
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    events: u32,
    /// Serve the hours of this folder instead
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    #[arg(help = "Download hours from this archive instead, for example https://data.gharchive.org")]
    source_url: Option<String>,
    /// Port of the local AWS; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 4566)]
    port: u16,
    /// A parameter of the template
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
}

#[derive(Args)]
struct DeployArguments {
    /// A parameter of the template
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
}

#[derive(Args)]
struct StatusArguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LogsArguments {
    /// Print new lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Number of last lines to print
    #[arg(long, value_name = "N", default_value_t = 40)]
    lines: usize,
}

const AFTER_HELP: &str = "\
Examples:
  ghactivity local up --hours 6
  eval \"$(ghactivity local env)\"                # then every subcommand uses it
  ghactivity local deploy --parameter ChunkRecords=500
  ghactivity local status --json | jq -r .outputs.DataBucketName
  ghactivity local logs --follow
  ghactivity local down

Exit status: 0 success, 1 usage error, 2 failed, or the local AWS is not running";

/// Runs `local_aws`, or reads the files that it wrote.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let project = project()?;
    let directory = project.join(&arguments.directory);
    match &arguments.action {
        LocalCommand::Up(up) => script(&project, &directory, "up", &up.options()),
        LocalCommand::Deploy(DeployArguments { parameter }) => {
            script(&project, &directory, "deploy", &parameter_options(parameter))
        }
        LocalCommand::Dashboard => script(&project, &directory, "dashboard", &[]),
        LocalCommand::Down => script(&project, &directory, "down", &[]),
        LocalCommand::Status(StatusArguments { json }) => {
            let options: Vec<_> = json.then(|| "--json".to_owned()).into_iter().collect();
            script(&project, &directory, "status", &options)
        }
        LocalCommand::Logs(logs) => logs.print(&directory.join("server.log")),
        LocalCommand::Env => env(&directory),
    }
}

impl UpArguments {
    fn options(&self) -> Vec<String> {
        let mut options = vec![format!("--hours={}", self.hours), format!("--events={}", self.events)];
        options.push(format!("--port={}", self.port));
        options.extend(self.data.iter().map(|folder| format!("--data={}", folder.display())));
        options.extend(self.source_url.iter().map(|url| format!("--source-url={url}")));
        options.extend(parameter_options(&self.parameter));
        options
    }
}

fn parameter_options(pairs: &[String]) -> Vec<String> {
    pairs.iter().map(|pair| format!("--parameter={pair}")).collect()
}

const SCRIPT: &str = "local_aws/__main__.py";

fn project() -> Result<PathBuf, CliError> {
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    let folders = here.ancestors().chain(program.ancestors());
    let found = folders.filter(|folder| !folder.as_os_str().is_empty()).find(|folder| folder.join(SCRIPT).is_file());
    found.map(Path::to_owned).ok_or_else(|| CliError::Absent {
        what: format!("{SCRIPT}, in this folder or above it,"),
        next: "run this in a clone of the project, which the local AWS deploys".to_owned(),
    })
}

/// Runs the script in the virtual environment that the project makes for it.
fn script(project: &Path, directory: &Path, command: &str, options: &[String]) -> Result<(), CliError> {
    call(project, "local_aws/venvs.py", "python3", &["local_aws/venvs.py".to_owned(), "local".to_owned()])?;
    let mut arguments = vec![
        "-m".to_owned(),
        "local_aws".to_owned(),
        format!("--directory={}", directory.display()),
        command.to_owned(),
    ];
    arguments.extend_from_slice(options);
    let python = project.join(".tools/local/bin/python");
    call(project, "local_aws", &python.display().to_string(), &arguments)
}

fn call(project: &Path, what: &str, program: &str, arguments: &[String]) -> Result<(), CliError> {
    let status = Command::new(program).args(arguments).current_dir(project).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CliError::Local { what: what.to_owned(), reason: "see the lines above".to_owned() }),
        Err(error) => Err(CliError::Local { what: what.to_owned(), reason: format!("{program}: {error}") }),
    }
}

/// The part of `server.json` that is needed.
#[derive(Deserialize)]
struct LocalServer {
    endpoint: String,
}

fn not_running() -> CliError {
    CliError::Absent { what: "running local AWS".to_owned(), next: "start it with 'ghactivity local up'".to_owned() }
}

fn env(directory: &Path) -> Result<(), CliError> {
    let text = std::fs::read_to_string(directory.join("server.json")).map_err(|_| not_running())?;
    let LocalServer { endpoint } = serde_json::from_str(&text).map_err(|_| not_running())?;
    output::text(&format!(
        "export AWS_ENDPOINT_URL={endpoint}\nexport AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1\n\
         export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\nunset AWS_PROFILE AWS_SESSION_TOKEN\n"
    ));
    Ok(())
}

impl LogsArguments {
    fn print(&self, log: &Path) -> Result<(), CliError> {
        let unreadable = |_| not_running();
        let mut file = std::fs::File::open(log).map_err(unreadable)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(unreadable)?;
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let mut out = std::io::stdout();
        let mut closed =
            lines[lines.len().saturating_sub(self.lines)..].iter().any(|line| out.write_all(line).is_err());
        while self.follow && !closed {
            std::thread::sleep(Duration::from_millis(300));
            let length = file.metadata().map_err(unreadable)?.len();
            // A restarted server truncates its log.
            if length < file.stream_position().map_err(unreadable)? {
                file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
            }
            text.clear();
            file.read_to_end(&mut text).map_err(unreadable)?;
            closed = out.write_all(&text).and_then(|()| out.flush()).is_err();
        }
        Ok(())
    }
}
