//! The bytes of a small fixed input.
//!
//! If this fails, the same hour would be stored as other bytes than before. If that is wanted (a new version of the
//! Parquet crate is enough), raise `pipeline::version::CONVERTER_VERSION` and pin the new hashes.

use pipeline::version::CONVERTER_VERSION;
use sha2::{Digest, Sha256};

use crate::support::{WHOLE, convert};

const TEXT: &str = concat!(
    r#"{"id":"1","type":"PushEvent","actor":{"id":1,"login":"ada","display_login":"ada","gravatar_id":"","url":"https://api.example/users/ada","avatar_url":"https://avatars.example/u/1?"},"repo":{"id":2,"name":"ada/engine","url":"https://api.example/repos/ada/engine"},"payload":{"push_id":34950197608,"ref":"refs/heads/main"},"public":true,"created_at":"2025-11-21T00:00:01Z","org":{"id":3,"login":"acme","gravatar_id":"","url":"https://api.example/orgs/acme","avatar_url":"https://avatars.example/u/3?"}}"#,
    "\n",
    r#"{"repository":{"id":4,"name":"loom","owner":"joe","organization":"mill"},"actor_attributes":{"login":"joe","gravatar_id":"g"},"created_at":"2012-06-14T15:01:42-07:00","public":true,"actor":"joe","payload":{},"url":"https://example/joe/loom","type":"ForkEvent"}"#,
    "\n\n",
    r#"{"repo":{"name":"/","url":"https://api.example/repos//"},"type":"GistEvent","public":true,"created_at":"2011-02-15T00:00:06Z","payload":{"a":"\u0000é"},"actor":{"url":"https://api.example/users/"},"id":7}"#,
    "\n",
    r#"{"repo":nul"#,
);

#[test]
fn the_bytes_of_a_fixed_input_are_pinned_to_the_converter_version() {
    let outcome = convert(&WHOLE, TEXT.as_bytes());
    let hash = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found = (CONVERTER_VERSION, hash(&outcome.parquet), hash(&outcome.quarantine));
    let parquet = "c3dd6467454b557e36fe7656f0649f8fa5e595c76840ea4be67cbb337ba54352";
    let quarantine = "5ce768b182b037834f58d4bf0b8773dd535029e82ed49ae144d5f7ded28b3c5b";
    assert_eq!(found, (2, parquet.to_owned(), quarantine.to_owned()), "see the head of this file");
}
