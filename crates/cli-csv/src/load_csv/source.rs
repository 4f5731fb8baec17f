//! Finds the file on this machine or in S3, and copies it into the upload bucket.

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
/// Longest object that `CopyObject` copies. Source: the S3 API.
const MAX_COPY_BYTES: u64 = 5 << 30;
const PIECE_BYTES: usize = 1 << 20;

/// The file as the command line names it.
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

/// A file that exists.
pub(super) struct FoundFile {
    name: String,
    place: FilePlace,
    /// The key in the upload bucket, and whether this run created the object.
    uploaded: RefCell<Option<(String, bool)>>,
}

enum FilePlace {
    Local {
        path: PathBuf,
        bytes: u64,
        sha256: [u8; 32],
        found: Box<FileFacts>,
    },
    /// An object in S3, and the key that it gets in the upload bucket.
    Object {
        bucket: String,
        key: String,
        upload_key: String,
        bytes: u64,
        etag: String,
    },
}

impl FileSource {
    /// Finds the file. A local file is checked first, so an invalid one is never uploaded.
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
        return Err(failed(io::Error::other("not a file")));
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
    let head = head.map_err(|error| {
        if error.as_service_error().is_some_and(HeadObjectError::is_not_found) {
            CliError::Absent { what: address.clone(), next: format!("look for it: aws s3 ls s3://{bucket}/") }
        } else {
            stack.aws.call_error("HeadObject", &address, error)
        }
    })?;
    let bytes = head.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
    let is_upload = bucket == stack.output("UploadBucketName")?
        && (key.starts_with(keys::UPLOADS) || key.starts_with(keys::INCOMING));
    let upload_key = if is_upload {
        key.to_owned()
    } else {
        // Named after the ETag, so that another version of the object gets another key.
        let tag: String = head.e_tag().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}{tag}/{}", keys::INCOMING, last_part(key))
    };
    let etag = head.e_tag().unwrap_or_default().to_owned();
    Ok(FilePlace::Object { bucket: bucket.to_owned(), key: key.to_owned(), upload_key, bytes, etag })
}

impl FoundFile {
    /// The name as the user wrote it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a local file contains.
    pub(super) fn found(&self) -> Option<FileFacts> {
        match &self.place {
            FilePlace::Local { found, .. } => Some(FileFacts::clone(found)),
            FilePlace::Object { .. } => None,
        }
    }

    /// Copies the file into the upload bucket, unless it is already there, and returns its key. The key is named after the
    /// content, so an object with that key is the same file.
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

    /// Returns `outcome`, and deletes what this run uploaded if it is an error.
    pub(super) async fn kept_if<T>(&self, outcome: Result<T, CliError>, stack: &Stack) -> Result<T, CliError> {
        if outcome.is_err() && self.discard(stack).await.is_err() {
            eprintln!("  the uploaded object could not be deleted");
        }
        outcome
    }

    /// Deletes what this run uploaded.
    pub(super) async fn discard(&self, stack: &Stack) -> Result<(), CliError> {
        let Some((key, true)) = self.uploaded.take() else { return Ok(()) };
        let bucket = Bucket::new(stack.aws.s3(), stack.output("UploadBucketName")?);
        bucket.delete_many(&[key]).await.map_err(|error| stack.aws.error(error))
    }
}

/// The key of a local file, named after its content.
fn upload_key(sha256: &[u8; 32], path: &Path) -> String {
    let hash = hex::encode(&sha256[..6]);
    format!("{}{hash}/{}", keys::INCOMING, path.file_name().unwrap_or_default().to_string_lossy())
}

/// Whether the bucket has an object of this key and length.
async fn has(bucket: &Bucket, key: &str, bytes: u64, stack: &Stack) -> Result<bool, CliError> {
    let listed = bucket.list(key).await.map_err(|error| stack.aws.error(error))?;
    Ok(listed.iter().any(|object| object.key == key && object.bytes == bytes))
}

/// Uploads the file in parts, and verifies that it is the file that was checked.
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
        Ok(_) => "the file changed while it was read and was not uploaded: run the command again".to_owned(),
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
        // The receiver is gone once an upload of a part has failed; the receiver reports that error.
        if read == 0 || pieces.blocking_send(piece.into()).is_err() {
            return Ok(hash.finalize().into());
        }
    }
}

/// Copies an object with the credentials of the user, because the roles of the stack read only its upload bucket. Fails if
/// the object no longer has the ETag.
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
            reason: "the object is longer than 5 GiB, the limit of one copy".to_owned(),
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
            reason: "the object was replaced in the meantime".to_owned(),
            next: "run the command again to load the new object".to_owned(),
        }),
        Err(error) => Err(stack.aws.call_error("CopyObject", address, error)),
    }
}

/// The value of the header `x-amz-copy-source`: percent-encoded except for unreserved characters and slashes.
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

/// Hashes and counts the bytes of a file while they are read.
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
    fn source_is_a_path_or_an_address() {
        assert_eq!("a b.csv".parse(), Ok(FileSource::Local("a b.csv".into())));
        let object = FileSource::S3 { bucket: "b".to_owned(), key: "k/x.csv".to_owned() };
        assert_eq!("s3://b/k/x.csv".parse(), Ok(object));
        for text in ["s3://b", "s3://b/", "s3:///k"] {
            assert_eq!(text.parse::<FileSource>(), Err("expected s3://BUCKET/KEY".to_owned()), "{text}");
        }
    }

    #[test]
    fn copy_source_is_percent_encoded() {
        assert_eq!(encoded("b", "a b/ü+1.csv"), "b/a%20b/%C3%BC%2B1.csv");
        assert_eq!(last_part("a/b/c.csv"), "c.csv");
    }
}
