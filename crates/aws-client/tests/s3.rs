//! The S3 calls on the wire: requests, handling of responses, and objects left afterwards.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers included")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data is small")]

use std::collections::HashMap;

use aws_client::AwsError;
use aws_client::s3::{Bucket, PART_BYTES, ReadError};
use aws_fakes::{MemoryS3, S3Fault};

fn lake() -> (MemoryS3, Bucket) {
    let s3 = MemoryS3::default();
    let bucket = s3.bucket("lake");
    (s3, bucket)
}

async fn uploaded(bucket: &Bucket, bytes: &[u8], step: usize) -> Result<aws_client::s3::UploadedObject, AwsError> {
    let metadata = HashMap::from([("source-etag".to_owned(), "\"abc\"".to_owned())]);
    let mut upload = bucket.upload("big", "application/gzip", metadata);
    for bytes in bytes.chunks(step) {
        if let Err(error) = upload.push(bytes).await {
            upload.abort().await;
            return Err(error);
        }
    }
    upload.complete().await
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[tokio::test]
async fn write_then_read_returns_same_bytes() {
    let (s3, bucket) = lake();
    bucket.write("raw/hour=00/a.json", "text", "application/json").await.unwrap();
    assert_eq!(s3.keys(), ["raw/hour=00/a.json"]);
    assert_eq!(bucket.read_whole("raw/hour=00/a.json", 4).await.unwrap(), "text");
}

#[tokio::test]
async fn read_range_requires_matching_etag() {
    let (s3, bucket) = lake();
    s3.put("landing", b"0123456789");
    let etag = s3.etag("landing").unwrap();
    let object = bucket.read_range("landing", 2..5, Some(&etag)).await.unwrap();
    assert_eq!((object.bytes, object.etag.as_str()), (3, etag.as_str()));
    assert_eq!(object.whole(3).await.unwrap(), "234");

    s3.put("landing", b"9876543210");
    let error = bucket.read_range("landing", 2..5, Some(&etag)).await.unwrap_err();
    assert!(
        matches!(&error, ReadError::Changed { address, etag: asked } if address == "s3://lake/landing" && *asked == etag)
    );
}

#[tokio::test]
async fn read_errors_are_distinguished() {
    let (s3, bucket) = lake();
    s3.put("object", b"0123456789");
    let absent = bucket.read("absent").await.unwrap_err();
    assert_eq!(absent.to_string(), "s3://lake/absent does not exist");
    let large = bucket.read_whole("object", 9).await.unwrap_err();
    assert_eq!(large.to_string(), "s3://lake/object has 10 bytes, more than the limit of 9");
    s3.fail("GetObject object", 1, S3Fault::CutBody(4));
    let ReadError::Aws(cut) = bucket.read_whole("object", 10).await.unwrap_err() else { panic!("a call failed") };
    assert_eq!(cut.name(), "AwsUnavailable", "a retry may read the whole body");
    assert!(cut.to_string().contains("s3://lake/object"), "{cut}");
}

#[tokio::test]
async fn write_transient_error_is_retried_by_sdk() {
    for (phrase, fault) in [
        ("503", S3Fault::Error(503, "ServiceUnavailable")),
        ("slow down", S3Fault::Error(503, "SlowDown")),
        ("lost response", S3Fault::LostResponse),
    ] {
        let (s3, bucket) = lake();
        s3.fail("PutObject", 1, fault);
        bucket.write("key", "text", "text/plain").await.expect(phrase);
        assert_eq!(s3.calls(), ["PutObject key", "PutObject key"], "{phrase}");
        assert_eq!(s3.get("key").unwrap(), b"text", "{phrase}");
    }
}

#[tokio::test]
async fn write_error_is_classified() {
    for (phrase, fault, name, calls) in [
        ("throttled on every attempt", S3Fault::Error(503, "SlowDown"), "AwsThrottled", 3),
        ("throttled with another code", S3Fault::Error(400, "RequestLimitExceeded"), "AwsThrottled", 3),
        ("throttled by status only", S3Fault::Error(429, "Strange"), "AwsThrottled", 1),
        ("the service fails", S3Fault::Error(500, "InternalError"), "AwsUnavailable", 3),
        ("the service took too long", S3Fault::Error(400, "RequestTimeout"), "AwsTimeout", 3),
        ("no response arrives", S3Fault::LostResponse, "AwsUnavailable", 3),
        ("not allowed", S3Fault::Error(403, "AccessDenied"), "AwsRefused", 1),
        ("no such bucket", S3Fault::Error(404, "NoSuchBucket"), "AwsRefused", 1),
    ] {
        let (s3, bucket) = lake();
        s3.fail("", 10, fault);
        let error = bucket.write("key", "text", "text/plain").await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert_eq!(s3.calls().len(), calls, "{phrase}: attempts of the SDK");
        assert!(error.to_string().contains("s3://lake/key"), "{phrase}: {error}");
        let source = std::error::Error::source(&error).expect(phrase);
        assert!(
            source
                .downcast_ref::<aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>>()
                .is_some()
        );
        let ReadError::Aws(error) = bucket.read("key").await.unwrap_err() else {
            panic!("{phrase}: not a failed call")
        };
        assert_eq!(error.name(), name, "{phrase}");
    }
}

#[tokio::test]
async fn upload_etag_depends_on_bytes_only() {
    for (phrase, length, calls) in [
        ("nothing", 0, vec!["PutObject big"]),
        ("a little", 10, vec!["PutObject big"]),
        ("exactly one part", PART_BYTES, vec!["PutObject big"]),
        (
            "one byte more",
            PART_BYTES + 1,
            vec!["CreateMultipartUpload big", "UploadPart big", "UploadPart big", "CompleteMultipartUpload big"],
        ),
    ] {
        let bytes = bytes(length);
        let mut etags = Vec::new();
        for step in [1 << 16, PART_BYTES, 3 * PART_BYTES] {
            let (s3, bucket) = lake();
            let stored = uploaded(&bucket, &bytes, step).await.expect(phrase);
            assert_eq!(s3.calls(), calls, "{phrase}");
            assert_eq!(s3.get("big").unwrap(), bytes, "{phrase}");
            assert_eq!(s3.etag("big").unwrap(), stored.etag, "{phrase}");
            assert_eq!(s3.metadata("big")["source-etag"], "\"abc\"", "{phrase}");
            assert_eq!((stored.bytes, s3.open_uploads()), (length as u64, 0), "{phrase}");
            etags.push(stored.etag);
        }
        etags.dedup();
        assert_eq!(etags.len(), 1, "{phrase}: the ETag depends on the bytes alone");
    }
}

#[tokio::test]
async fn upload_failure_leaves_nothing() {
    let bytes = bytes(2 * PART_BYTES + 5);
    for (phrase, call, times) in [
        ("it cannot begin", "CreateMultipartUpload", 3),
        ("a part cannot be sent", "UploadPart", 100),
        ("it cannot be completed", "CompleteMultipartUpload", 3),
    ] {
        let (s3, bucket) = lake();
        s3.fail(call, times, S3Fault::Error(500, "InternalError"));
        let error = uploaded(&bucket, &bytes, PART_BYTES).await.unwrap_err();
        assert_eq!(error.name(), "AwsUnavailable", "{phrase}");
        assert!(error.to_string().starts_with(call), "{phrase}: {error}");
        assert_eq!((s3.open_uploads(), s3.keys().len()), (0, 0), "{phrase}");
    }
}

#[tokio::test]
async fn upload_part_throttled_is_retried_by_sdk() {
    let bytes = bytes(2 * PART_BYTES);
    let (s3, bucket) = lake();
    s3.fail("UploadPart", 1, S3Fault::Error(503, "SlowDown"));
    uploaded(&bucket, &bytes, PART_BYTES).await.unwrap();
    assert_eq!(s3.get("big").unwrap(), bytes);
}

#[tokio::test]
async fn upload_lost_completion_is_transient() {
    let (s3, bucket) = lake();
    s3.fail("CompleteMultipartUpload", 1, S3Fault::LostResponse);
    let error = uploaded(&bucket, &bytes(PART_BYTES + 1), PART_BYTES).await.unwrap_err();
    assert_eq!(error.name(), "AwsUnavailable", "S3 no longer knows the upload; a second run writes it again");
    uploaded(&bucket, &bytes(PART_BYTES + 1), PART_BYTES).await.unwrap();
    assert_eq!((s3.open_uploads(), s3.keys().len()), (0, 1));
}

#[tokio::test]
async fn abort_waits_for_parts_in_flight() {
    let (s3, bucket) = lake();
    s3.yield_before_calls();
    let mut upload = bucket.upload("big", "application/gzip", HashMap::new()).in_parts_of(10);
    upload.push(&bytes(25)).await.unwrap();
    upload.abort().await;
    assert_eq!(
        s3.calls(),
        ["CreateMultipartUpload big", "UploadPart big", "UploadPart big", "AbortMultipartUpload big"],
        "S3 would keep a part that arrives later"
    );
}

#[tokio::test]
async fn upload_dropped_is_aborted() {
    let (s3, bucket) = lake();
    let mut upload = bucket.upload("big", "application/gzip", HashMap::new());
    upload.push(&bytes(2 * PART_BYTES)).await.unwrap();
    assert_eq!(s3.open_uploads(), 1);
    drop(upload);
    for _ in 0..1000 {
        if s3.open_uploads() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!((s3.open_uploads(), s3.keys().len()), (0, 0));
}

#[tokio::test]
async fn list_reads_all_pages() {
    let (s3, bucket) = lake();
    for key in ["a/1", "a/2", "a/3", "a/4", "a/5", "b/1"] {
        s3.put(key, key.as_bytes());
    }
    s3.page_keys(2);
    let keys: Vec<_> = bucket.list("a/").await.unwrap().into_iter().map(|listed| (listed.key, listed.bytes)).collect();
    assert_eq!(keys, ["a/1", "a/2", "a/3", "a/4", "a/5"].map(|key| (key.to_owned(), 3)));
    assert_eq!(bucket.list("c/").await.unwrap(), []);
}

#[tokio::test]
async fn delete_many_sends_1000_keys_per_call() {
    let (s3, bucket) = lake();
    let keys: Vec<_> = (0..2_001).map(|number| format!("old/{number:05}")).collect();
    for key in &keys[1..] {
        s3.put(key, b"x");
    }
    s3.put("kept", b"x");
    bucket.delete_many(&keys).await.unwrap();
    assert_eq!(s3.keys(), ["kept"]);
    assert_eq!(s3.calls().len(), 3);
    bucket.delete_many(&[]).await.unwrap();
    assert_eq!(s3.calls().len(), 3, "no keys: no call");
}

#[tokio::test]
async fn delete_failure_names_the_key() {
    for (phrase, code, name) in [
        ("transient", "InternalError", "AwsUnavailable"),
        ("throttled", "SlowDown", "AwsThrottled"),
        ("not allowed", "AccessDenied", "AwsRefused"),
    ] {
        let (s3, bucket) = lake();
        s3.put("old/1", b"x");
        s3.put("old/2", b"x");
        s3.fail("DeleteObjects", 1, S3Fault::KeepLast(code));
        let error = bucket.delete_many(&["old/1".to_owned(), "old/2".to_owned()]).await.unwrap_err();
        assert_eq!(error.name(), name, "{phrase}");
        assert!(error.to_string().contains("s3://lake/old/2"), "{phrase}: {error}");
    }
}
