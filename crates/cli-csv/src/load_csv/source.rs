//! The file: on this machine or in S3, and brought to where the stack loads it from.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_client::s3::Bucket;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use bytes::Bytes;
use cli_core::CliError;
use cli_core::format::{error_chain, one_line};
use cli_core::progress;
use cli_stack::Stack;
use csv_load::{CsvFileError, LoadAttributes, LoadOptions, MAX_CHUNK_BYTES, PlannerSettings, keys};
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::found::FileFacts;

const BAR: &str = "{msg} {bar:30} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
/// `CopyObject` takes no more.
const MAX_COPY_BYTES: u64 = 5 << 30;
const PIECE_BYTES: usize = 1 << 20;

/// Where somebody says that the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileSource {
    Local(PathBuf),
    S3 { bucket: String, key: String },
}

impl FromStr for FileSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(address) = text.strip_prefix("s3://") else { return Ok(Self::Local(text.into())) };
        match address.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => Err("expected s3://BUCKET/KEY".to_owned()),
        }
    }
}

/// A file that is there.
pub(super) struct FoundFile {
    name: String,
    place: FilePlace,
    /// Its key in the upload bucket, and whether this run put it there.
    uploaded: RefCell<Option<(String, bool)>>,
}

enum FilePlace {
    Local {
        path: PathBuf,
        bytes: u64,
        sha256: [u8; 32],
        found: Box<FileFacts>,
    },
    /// An object, and its key in the upload bucket.
    Object {
        bucket: String,
        key: String,
        upload_key: String,
        bytes: u64,
        etag: String,
    },
}

impl FileSource {
    /// Finds the file. One of this machine is read once, so that nothing is uploaded that is no good.
    pub(super) async fn find(&self, stack: &Stack, options: &LoadOptions) -> Result<FoundFile, CliError> {
        let (name, place) = match self {
            Self::Local(path) => (path.display().to_string(), local(path, stack, options).await?),
            Self::S3 { bucket, key } => (format!("s3://{bucket}/{key}"), object(bucket, key, stack).await?),
        };
        Ok(FoundFile { name, place, uploaded: RefCell::new(None) })
    }
}

async fn local(path: &Path, stack: &Stack, options: &LoadOptions) -> Result<FilePlace, CliError> {
    let failed = |error: io::Error| CliError::File { path: path.display().to_string(), reason: error.to_string() };
    let file = File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(failed(io::Error::other("it is no file")));
    }
    let chunk_rows = stack.parameter("CsvChunkRows").and_then(|text| text.parse().ok()).unwrap_or(25_000);
    let address = format!("s3://{}/{}", stack.output("UploadBucketName")?, upload_key(&[0; 32], path));
    let added_bytes = LoadAttributes::bytes_of("2026-01-01T00:00:00.000Z", &address);
    let settings = PlannerSettings { chunk_rows, chunk_bytes: MAX_CHUNK_BYTES, seed: rand::random(), added_bytes };
    let bar = bar("checking", facts.len());
    let counted = bar.clone();
    let options = options.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        let seen = HashingReader { file, hash: &mut hash, bar: &counted };
        let plan = csv_load::plan_file(seen, &options, settings)?;
        Ok::<_, CsvFileError>((FileFacts::of(plan), <[u8; 32]>::from(hash.finalize())))
    });
    let read = read.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    bar.finish_and_clear();
    let (found, sha256) = read.map_err(|error| CliError::Failed {
        what: path.display().to_string(),
        how: "cannot be loaded",
        error: error.name().to_owned(),
        message: one_line(&error_chain(&error)),
    })?;
    Ok(FilePlace::Local { path: path.to_owned(), bytes: facts.len(), sha256, found: Box::new(found) })
}

async fn object(bucket: &str, key: &str, stack: &Stack) -> Result<FilePlace, CliError> {
    let address = format!("s3://{bucket}/{key}");
    let head = stack.aws.s3().head_object().bucket(bucket).key(key).send().await;
    let head = head.map_err(|error| match error.as_service_error().is_some_and(HeadObjectError::is_not_found) {
        true => CliError::Absent { what: address.clone(), next: format!("look for it: aws s3 ls s3://{bucket}/") },
        false => stack.aws.call_error("HeadObject", &address, error),
    })?;
    let bytes = head.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    let is_upload = bucket == stack.output("UploadBucketName")?
        && (key.starts_with(keys::UPLOADS) || key.starts_with(keys::INCOMING));
    let upload_key = match is_upload {
        true => key.to_owned(),
        // Named after its content, as far as S3 tells: so another version of the object takes no other load's place.
        false => {
            let tag: String = head.e_tag().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{}{tag}/{}", keys::INCOMING, last_part(key))
        }
    };
    let etag = head.e_tag().unwrap_or_default().to_owned();
    Ok(FilePlace::Object { bucket: bucket.to_owned(), key: key.to_owned(), upload_key, bytes, etag })
}

impl FoundFile {
    /// Its name, for a person.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is, if it was read on this machine.
    pub(super) fn found(&self) -> Option<FileFacts> {
        match &self.place {
            FilePlace::Local { found, .. } => Some(FileFacts::clone(found)),
            FilePlace::Object { .. } => None,
        }
    }

    /// Brings it into the upload bucket, unless it is there; answers its key. It is named after its content, so what is there
    /// under that name is it.
    pub(super) async fn upload(&self, stack: &Stack) -> Result<String, CliError> {
        if let Some((key, _)) = self.uploaded.borrow().as_ref() {
            return Ok(key.clone());
        }
        let bucket = Bucket::new(stack.aws.s3(), stack.output("UploadBucketName")?);
        let (key, is_new) = match &self.place {
            FilePlace::Local { path, bytes, sha256, .. } => {
                let key = upload_key(sha256, path);
                let is_new = !has(&bucket, &key, *bytes, stack).await?;
                if is_new {
                    upload(path, *bytes, sha256, &bucket, &key, stack).await?;
                }
                (key, is_new)
            }
            FilePlace::Object { bucket: from, key, upload_key, .. } if from == bucket.name() && key == upload_key => {
                (key.clone(), false)
            }
            FilePlace::Object { bucket: from, key, upload_key, bytes, etag } => {
                let is_new = !has(&bucket, upload_key, *bytes, stack).await?;
                if is_new {
                    copy((from, key, etag), *bytes, &bucket, upload_key, stack).await?;
                }
                (upload_key.clone(), is_new)
            }
        };
        self.uploaded.replace(Some((key.clone(), is_new)));
        Ok(key)
    }

    /// Hands on an outcome; takes away what this run put into the upload bucket if the file is not loaded after all.
    pub(super) async fn kept_if<T>(&self, outcome: Result<T, CliError>, stack: &Stack) -> Result<T, CliError> {
        if outcome.is_err() && self.forget(stack).await.is_err() {
            eprintln!("  what was uploaded could not be taken away again");
        }
        outcome
    }

    /// Takes away what this run put into the upload bucket.
    pub(super) async fn forget(&self, stack: &Stack) -> Result<(), CliError> {
        let Some((key, true)) = self.uploaded.take() else { return Ok(()) };
        let bucket = Bucket::new(stack.aws.s3(), stack.output("UploadBucketName")?);
        bucket.delete_many(&[key]).await.map_err(|error| stack.aws.error(error))
    }
}

/// The key of a file of this machine, named after its content.
fn upload_key(sha256: &[u8; 32], path: &Path) -> String {
    let hash = hex::encode(&sha256[..6]);
    format!("{}{hash}/{}", keys::INCOMING, path.file_name().unwrap_or_default().to_string_lossy())
}

/// Whether the bucket has the object with this length.
async fn has(bucket: &Bucket, key: &str, bytes: u64, stack: &Stack) -> Result<bool, CliError> {
    let listed = bucket.list(key).await.map_err(|error| stack.aws.error(error))?;
    Ok(listed.iter().any(|object| object.key == key && object.bytes == bytes))
}

/// Sends the file in parts; what is sent must be what was read before.
async fn upload(
    path: &Path,
    bytes: u64,
    sha256: &[u8; 32],
    bucket: &Bucket,
    key: &str,
    stack: &Stack,
) -> Result<(), CliError> {
    let bar = bar("uploading", bytes);
    let (pieces, mut sent) = mpsc::channel(2);
    let own_path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&own_path, &pieces));
    let mut upload = bucket.upload(key, "text/csv", std::collections::HashMap::new());
    while let Some(piece) = sent.recv().await {
        upload.push(&piece).await.map_err(|error| stack.aws.error(error))?;
        bar.inc(piece.len() as u64);
    }
    let hash = reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let reason = match hash {
        Ok(hash) if hash == *sha256 => {
            let stored = upload.complete().await.map_err(|error| stack.aws.error(error));
            bar.finish_and_clear();
            return stored.map(drop);
        }
        Ok(_) => "it changed while it was read, and is not uploaded: run this again".to_owned(),
        Err(error) => error.to_string(),
    };
    upload.abort().await;
    bar.finish_and_clear();
    Err(CliError::File { path: path.display().to_string(), reason })
}

fn read(path: &Path, pieces: &mpsc::Sender<Bytes>) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece)?;
        piece.truncate(read);
        hash.update(&piece);
        // Nobody takes it any more once a part could not be sent, which is told there.
        if read == 0 || pieces.blocking_send(piece.into()).is_err() {
            return Ok(hash.finalize().into());
        }
    }
}

/// Copies an object by the caller's credentials, if it is still the one with the ETag that the copy is named after: the stack's
/// own roles read its upload bucket alone.
async fn copy(
    (from, key, etag): (&str, &str, &str),
    bytes: u64,
    bucket: &Bucket,
    upload_key: &str,
    stack: &Stack,
) -> Result<(), CliError> {
    let address = format!("s3://{from}/{key}");
    let target = bucket.address(upload_key);
    if bytes > MAX_COPY_BYTES {
        return Err(CliError::Refused {
            call: "CopyObject",
            resource: address.clone(),
            reason: "it is longer than 5 GiB, which one copy takes at most".to_owned(),
            next: format!("copy it in parts: aws s3 cp {address} {target}; then load {target}"),
        });
    }
    eprintln!("  copying {address} to {target}");
    let request = stack.aws.s3().copy_object().bucket(bucket.name()).key(upload_key).copy_source(encoded(from, key));
    match request.copy_source_if_match(etag).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("PreconditionFailed") => Err(CliError::Refused {
            call: "CopyObject",
            resource: address,
            reason: "it was replaced since it was looked at".to_owned(),
            next: "run this again: it takes the object that is there now".to_owned(),
        }),
        Err(error) => Err(stack.aws.call_error("CopyObject", address, error)),
    }
}

/// As a header takes it: all but letters, digits and what keys usually have in percent.
fn encoded(bucket: &str, key: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    format!("{bucket}/{}", key.bytes().map(byte).collect::<String>())
}

fn last_part(key: &str) -> &str {
    key.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// A file whose bytes are hashed and counted while they are read.
struct HashingReader<'a> {
    file: File,
    hash: &'a mut Sha256,
    bar: &'a ProgressBar,
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bar.inc(read as u64);
        Ok(read)
    }
}

fn bar(what: &'static str, bytes: u64) -> ProgressBar {
    progress::bar(BAR, bytes).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_path_or_an_address() {
        assert_eq!("a b.csv".parse(), Ok(FileSource::Local("a b.csv".into())));
        let object = FileSource::S3 { bucket: "b".to_owned(), key: "k/x.csv".to_owned() };
        assert_eq!("s3://b/k/x.csv".parse(), Ok(object));
        for text in ["s3://b", "s3://b/", "s3:///k"] {
            assert_eq!(text.parse::<FileSource>(), Err("expected s3://BUCKET/KEY".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_copy_names_its_source_in_percent() {
        assert_eq!(encoded("b", "a b/ü+1.csv"), "b/a%20b/%C3%BC%2B1.csv");
        assert_eq!(last_part("a/b/c.csv"), "c.csv");
    }
}
