//! The command line. See `archive-server --help`.

use std::error::Error;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use archive_server::generator::{HourSettings, generate};
use archive_server::server::{ArchiveFault, GeneratedHours, HourFolder, ServedHours, ServerSettings, start};
use clap::{Args, Parser, Subcommand};
use pipeline::ArchiveHour;
use tokio::signal::unix::{SignalKind, signal};

/// Serves hours over HTTP like data.gharchive.org, from a folder or generated
///
/// Prints "listening on http://ADDRESS:PORT" when it is ready, and stops on SIGTERM or SIGINT.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = FAULTS)]
struct Cli {
    #[command(subcommand)]
    command: Option<ServerCommand>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Subcommand)]
enum ServerCommand {
    /// Write one generated hour to a file, and its counts to standard output as JSON
    Generate(GenerateArguments),
}

#[derive(Args)]
struct ServeArguments {
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Port to listen on; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder of files with the names of the archive; its hours take precedence over generated ones
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Generate these hours on request, for example 2025-11-01-0..2025-11-01-23
    #[arg(long, value_name = "FROM..TO", conflicts_with = "generate_last")]
    generate: Option<ServedHours>,
    /// Generate the last N complete hours, and each later hour when it is complete
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    generate_last: Option<u32>,
    /// Inject a fault: HOUR=KIND[:ARGUMENT][xTIMES], see below; can be repeated
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<ArchiveFault>,
    /// Write a line to standard error for each request
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    settings: HourSettings,
}

#[derive(Args)]
struct GenerateArguments {
    /// Hour to generate, for example 2025-11-21-0
    #[arg(long)]
    hour: ArchiveHour,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    settings: HourSettings,
}

const FAULTS: &str = "\
Faults: HOUR=KIND[:ARGUMENT][xTIMES]
  HOUR is an hour such as 2015-01-01-5, or * for every hour. TIMES is the number of requests that have the fault; without
  it, all requests have it. Each request for an hour, GET or HEAD, uses the first fault of the hour that has requests left.
    cut:BYTES         close the connection after this many bytes of the body (GET)
    stall:BYTES       send nothing after this many bytes of the body (GET)
    slow:MILLISECONDS pause before each 64 KiB of the body (GET)
    status:CODE       respond with this status, 400 to 599
    busy:SECONDS      respond with 429 and this Retry-After
    md5               send a wrong MD5 in ETag and X-Goog-Hash
    crc               send a wrong CRC32C in X-Goog-Hash
    nohash            send neither ETag nor X-Goog-Hash
    etag:TEXT         send another ETag, as of another version
    norange           ignore Range and send the whole file
    body:FILE         serve the bytes of this file
    pass              respond normally, to delay the next fault

Examples:
  archive-server --port 8080 --generate-last 48 --events 20000
  archive-server --dir hours --fault 2015-01-01-12=cut:1000x2 --fault '*=slow:5'
  archive-server generate --hour 2025-11-21-0 --events 150000 --duplicates 0.01 --out 2025-11-21-0.json.gz";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(ServerCommand::Generate(command)) => write_hour(&command),
        None => serve(cli.serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("archive-server: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprint!(": {inner}");
                cause = inner.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn write_hour(command: &GenerateArguments) -> Result<(), Box<dyn Error>> {
    let GenerateArguments { hour, out, settings } = command;
    let file = File::create(out).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    let summary = generate(*hour, settings, file)?;
    serde_json::to_writer_pretty(io::stdout(), &summary)?;
    println!();
    Ok(())
}

#[tokio::main]
async fn serve(options: ServeArguments) -> Result<(), Box<dyn Error>> {
    let hours = match options.generate_last {
        Some(count) => {
            Some(ServedHours::last(count).ok_or("--generate-last reaches back before the archive's first hour")?)
        }
        None => options.generate,
    };
    if options.dir.is_none() && hours.is_none() {
        return Err("nothing to serve: give --dir, --generate or --generate-last".into());
    }
    let mut stop = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let server = start(ServerSettings {
        address: SocketAddr::new(options.bind, options.port),
        folder: options.dir.map(|path| HourFolder { path }),
        generated: hours.map(|hours| GeneratedHours { hours, settings: options.settings }),
        faults: options.faults,
        log: options.log,
    })
    .await?;
    println!("listening on {}", server.url());
    let [terminate, interrupt] = &mut stop;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
