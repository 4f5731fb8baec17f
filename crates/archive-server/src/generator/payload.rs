//! The payload of each event type, rich or trimmed.

use super::era::EventType;
use super::objects::{
    EventScene, push_code_comment, push_issue, push_issue_comment, push_label, push_pull_request,
    push_pull_request_stub, push_release, push_repository, push_review, push_user, put,
};
use super::population::{Account, Population};
use super::random::SeededRandom;
use super::text::{hex, push_hex, push_title};

/// A push lists at most this many of its commits.
const MAX_COMMITS: u64 = 20;

/// Appends the payload, a JSON object.
pub(crate) fn push_payload(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    event_type: EventType,
    population: Population,
) {
    match event_type {
        EventType::Push => push_push(out, random, scene),
        EventType::Create => push_create(out, random, scene),
        EventType::Delete => push_delete(out, random, scene),
        EventType::Watch => out.push_str(r#"{"action":"started"}"#),
        EventType::Public => out.push_str("{}"),
        EventType::Fork => push_fork(out, random, scene),
        EventType::Gollum => push_wiki_pages(out, random, scene),
        EventType::Member => push_member(out, scene, &population.person(random)),
        EventType::Issues => push_issues(out, random, scene),
        EventType::IssueComment => push_comment(out, random, scene),
        EventType::CommitComment => {
            out.push_str(r#"{"comment":"#);
            push_code_comment(out, random, scene, None);
            out.push('}');
        }
        EventType::PullRequest => push_pull_request_event(out, random, scene),
        EventType::PullRequestReview => push_review_event(out, random, scene),
        EventType::PullRequestReviewComment => push_review_comment(out, random, scene),
        EventType::Release => {
            out.push_str(r#"{"action":"published","release":"#);
            push_release(out, random, scene);
            out.push('}');
        }
    }
}

fn push_push(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let reference = random.pick(&["refs/heads/main", "refs/heads/master", "refs/heads/gh-pages", "refs/heads/próba"]);
    if scene.era.trimmed {
        put!(out, r#"{{"repository_id":{},"push_id":{},"#, scene.repository.id, 30_000_000_000 + scene.serial);
        put!(out, r#""ref":"{reference}","head":"{}","before":"{}"}}"#, hex(random, 40), hex(random, 40));
        return;
    }
    let commits = commit_count(random);
    let listed = commits.min(MAX_COMMITS);
    let head = hex(random, 40);
    put!(
        out,
        r#"{{"push_id":{},"size":{commits},"distinct_size":{listed},"ref":"{reference}","head":"{head}","before":"{}","commits":["#,
        600_000_000 + scene.serial,
        hex(random, 40)
    );
    for at in 1..=listed {
        let sha = if at == listed { head.clone() } else { hex(random, 40) };
        push_commit(out, random, scene, &sha);
        if at < listed {
            out.push(',');
        }
    }
    out.push_str("]}");
}

/// The number of commits of a push: most have one, a sixth have none, one in fifty has more than it lists.
fn commit_count(random: &mut SeededRandom) -> u64 {
    match random.below(100) {
        0..17 => 0,
        17..86 => 1,
        86..98 => 2 + random.skewed(17),
        _ => MAX_COMMITS + random.skewed(400),
    }
}

fn push_commit(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, sha: &str) {
    put!(out, r#"{{"sha":"{sha}","author":{{"email":""#);
    push_hex(out, random, 40);
    put!(out, r#"@example.org","name":"{}"}},"message":"#, scene.actor.display_login);
    let words = 2 + random.skewed(60);
    push_title(out, random, words);
    put!(out, r#","distinct":true,"url":"https://api.github.com/repos/{}/commits/{sha}"}}"#, scene.repository.name);
}

fn push_create(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let kind = random.pick(&["branch", "branch", "branch", "tag", "repository"]);
    let reference =
        format!("{}-{}", random.pick(&["feature", "v1.0", "release", "próba", "fix/issue"]), hex(random, 5));
    if kind == "repository" {
        out.push_str(r#"{"ref":null,"ref_type":"repository","#);
    } else {
        put!(out, r#"{{"ref":"{reference}","ref_type":"{kind}","#);
    }
    if scene.era.trimmed && kind != "repository" {
        put!(out, r#""full_ref":"{}{reference}","#, refs(kind));
    }
    out.push_str(r#""master_branch":"main","description":"#);
    if random.chance(400_000) {
        out.push_str("null");
    } else {
        push_title(out, random, 9);
    }
    out.push_str(r#","pusher_type":"user"}"#);
}

fn push_delete(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let kind = random.pick(&["branch", "branch", "branch", "tag"]);
    let reference = format!("feature/{}", hex(random, 8));
    put!(out, r#"{{"ref":"{reference}","ref_type":"{kind}","#);
    if scene.era.trimmed {
        put!(out, r#""full_ref":"{}{reference}","#, refs(kind));
    }
    out.push_str(r#""pusher_type":"user"}"#);
}

fn refs(kind: &str) -> &'static str {
    if kind == "tag" { "refs/tags/" } else { "refs/heads/" }
}

fn push_fork(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    out.push_str(if scene.era.trimmed { r#"{"action":"forked","forkee":"# } else { r#"{"forkee":"# });
    push_repository(out, random, scene, scene.actor, 1_100_000_000 + scene.serial % 100_000_000, true);
    out.push('}');
}

fn push_wiki_pages(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    out.push_str(r#"{"pages":["#);
    for at in 0..=random.skewed(4) {
        if at > 0 {
            out.push(',');
        }
        out.push_str(r#"{"page_name":"Home","title":"#);
        push_title(out, random, 3);
        put!(
            out,
            r#","summary":null,"action":"{}","sha":"{}","html_url":"https://github.com/{}/wiki/Home"}}"#,
            random.pick(&["created", "edited"]),
            hex(random, 40),
            scene.repository.name
        );
    }
    out.push_str("]}");
}

fn push_member(out: &mut String, scene: &EventScene<'_>, member: &Account) {
    out.push_str(r#"{"member":"#);
    push_user(out, scene, member);
    out.push_str(r#","action":"added"}"#);
}

fn push_issues(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let action = random.pick(&["opened", "opened", "closed", "closed", "reopened"]);
    let action = if scene.era.trimmed && random.chance(200_000) { "labeled" } else { action };
    put!(out, r#"{{"action":"{action}","issue":"#);
    let number = 1 + random.skewed(20_000);
    push_issue(out, random, scene, number, false);
    push_labels_of(out, random, scene, action);
    out.push('}');
}

fn push_comment(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let number = 1 + random.skewed(20_000);
    let pull_request = random.chance(400_000);
    out.push_str(r#"{"action":"created","issue":"#);
    push_issue(out, random, scene, number, pull_request);
    out.push_str(r#","comment":"#);
    push_issue_comment(out, random, scene, number);
    out.push('}');
}

fn push_pull_request_event(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let number = 1 + random.skewed(20_000);
    let actions = if scene.era.trimmed {
        ["opened", "opened", "merged", "closed", "labeled"]
    } else {
        ["opened", "opened", "closed", "closed", "reopened"]
    };
    let action = random.pick(&actions);
    put!(out, r#"{{"action":"{action}","number":{number},"pull_request":"#);
    push_either(out, random, scene, number, if action == "closed" { "closed" } else { "open" });
    push_labels_of(out, random, scene, action);
    out.push('}');
}

fn push_review_event(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let number = 1 + random.skewed(20_000);
    out.push_str(r#"{"action":"created","review":"#);
    push_review(out, random, scene, number);
    out.push_str(r#","pull_request":"#);
    push_either(out, random, scene, number, "open");
    out.push('}');
}

fn push_review_comment(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let number = 1 + random.skewed(20_000);
    out.push_str(r#"{"action":"created","comment":"#);
    push_code_comment(out, random, scene, Some(number));
    out.push_str(r#","pull_request":"#);
    push_either(out, random, scene, number, "open");
    out.push('}');
}

fn push_either(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, number: u64, state: &str) {
    if scene.era.trimmed {
        push_pull_request_stub(out, random, scene, number);
    } else {
        push_pull_request(out, random, scene, number, state);
    }
}

fn push_labels_of(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, action: &str) {
    if action != "labeled" {
        return;
    }
    let mut label = String::new();
    push_label(&mut label, random, scene);
    put!(out, r#","label":{label},"labels":[{label}]"#);
}
