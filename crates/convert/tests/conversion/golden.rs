//! The output bytes of a fixed input.
//!
//! If this test fails, the same hour would be stored with other bytes than before. If that is intended (a new version
//! of the Parquet crate may cause it), raise `pipeline::version::CONVERTER_VERSION`, pin the new hashes, and write the
//! hour's new version into `events/`, which `tests/e2e/test_sample_events.py` checks.

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
    r#"{"id":"8","type":"PushEvent","actor":{"id":5,"login":"loom[bot]","display_login":"loom","gravatar_id":"","url":"https://api.github.com/users/loom[bot]","avatar_url":"https://avatars.githubusercontent.com/u/5?"},"repo":{"id":6,"name":"joe/loom","url":"https://api.github.com/repos/joe/loom"},"payload":{},"public":true,"created_at":"2025-11-21T00:00:01Z"}"#,
    "\n",
    r#"{"id":"9","type":"PushEvent","actor":{"id":7,"login":"joe","display_login":"joe","gravatar_id":"","url":"https://api.github.com/users/joe","avatar_url":"https://avatars.githubusercontent.com/u/7?"},"repo":{"id":6,"name":"joe/loom","url":"https://api.github.com/repos/joe/loom"},"payload":{},"public":true,"created_at":"2025-11-21T00:00:01Z"}"#,
    "\n",
    r#"{"repo":nul"#,
);

#[test]
fn fixed_input_bytes_match_converter_version() {
    let conversion = convert(&WHOLE, TEXT.as_bytes());
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let found = (CONVERTER_VERSION, hash(&conversion.parquet), hash(&conversion.quarantine));
    let parquet = "60c602f93699652f169013e32bd269545d3e04cfb2c6ad786c1eb046a5aadb47";
    let quarantine = "19389ace165e003a959c537a8eef7c16a3f56859789d7aaebd8b18e99696428d";
    assert_eq!(found, (5, parquet.to_owned(), quarantine.to_owned()), "see the head of this file");
}
