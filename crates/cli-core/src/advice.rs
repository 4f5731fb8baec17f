//! What to do about a failure, by its stable name: the README's runbook in a few words each.

/// The next step after an execution ended with the error `name`.
pub(crate) fn for_failure(name: &str) -> &'static str {
    match name {
        "SourceNotPublished" => "the archive does not have it (yet): it is asked again by 'ghactivity ingest'",
        "SourceUnavailable" | "SourceInterrupted" | "SourceTimeout" | "ChecksumMismatch" | "SourceChanged" => {
            "the archive is in trouble: run the same command again later"
        }
        "SourceRefused" => "open the address in a browser, and check the parameter SourceUrls",
        "UnsupportedEncoding" => "save it in UTF-8; nothing was stored",
        "NotGzip" | "EmptyArchive" | "CorruptArchive" | "TruncatedArchive" | "TrailingBytes" | "ArchiveTooLarge" => {
            "the gzip file is damaged and nothing was stored: run it again when it is repaired"
        }
        "HourWouldShrink" => "compare with what is published, then accept fewer rows with --force",
        "HoursFailed" | "States.ExceedToleratedFailureThreshold" => {
            "mend the cause, then run the same command again: only what is open is run"
        }
        "PlanTooLarge" => "deploy with larger ChunkRecords",
        "HourDoesNotBalance" | "ChunkMismatch" => "run it again with --source landing: all of it is made again",
        "NotProven" => {
            "run what is open with 'ghactivity hour HOUR', what is wrong with 'ghactivity hour HOUR --source landing'; the README has what each finding means"
        }
        "VersionNotKept" => "see the ledger's previous_versions; KeepVersions of the stack says how many are kept",
        "EmptyFile" | "NotCsv" => "save it as CSV text in UTF-8",
        "BadHeader" => "name every column once, or load it without header: --no-header, or --columns with their names",
        "UnclosedQuote" | "RecordTooLong" => "mend the line that is named",
        "FileTooLarge" | "TooManyChunks" | "DiskFull" => {
            "split the file, or deploy with larger CsvChunkRows or CsvPlanDiskMb"
        }
        "SourceNotFound" | "SourceReplaced" => "run the same command again: what is there now is loaded",
        "ItemExists" => "'ghactivity unload' takes out what was written; or leave such items with --on-existing skip",
        "TableHasOtherKey" => "choose another table: --table",
        "LoadDoesNotBalance" => "load the file again with --force",
        "LoadNotFound" => "the table job_run_details has the loads; this one was undone, or never was",
        "LoadIsBeingUndone" => "load it again once 'ghactivity unload' is over; if that failed, run it again first",
        "LandingNotFound" => "leave --source landing out: the hour never landed",
        "InvalidInput" => "correct what the message names",
        "InvalidConfiguration" => "correct the parameter that the message names, and deploy again",
        "AwsRefused" => "deploy again: a role or a resource of the stack has been changed",
        "ExecutionAborted" => "run the same command again: that is always safe",
        "States.Timeout" => "run the same command again; if it lasts, look at the state that it stopped in",
        _ => "run the same command again: that is always safe; the README's runbook has the error's name",
    }
}
