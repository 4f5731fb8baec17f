//! The objects of GitHub's API in payloads.

use super::era::Era;
use super::population::{Account, AccountKind, Repository};
use super::random::SeededRandom;
use super::text::{hex, push_body, push_hex, push_string, push_title};

/// Appends formatted text to a `String`.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        use std::fmt::Write as _;
        write!($out, $($format)*).expect("writing to memory does not fail")
    }};
}
pub(super) use put;

/// The properties that all objects of an event share.
pub(crate) struct EventScene<'a> {
    pub(crate) era: &'a Era,
    pub(crate) repository: &'a Repository,
    pub(crate) actor: &'a Account,
    /// The time of the event, RFC 3339.
    pub(crate) now: &'a str,
    /// An earlier time, RFC 3339.
    pub(crate) before: &'a str,
    /// A number of the event. The ids of its objects are derived from it.
    pub(crate) serial: u64,
}

impl EventScene<'_> {
    /// `"node_id":"…",` if the era has it.
    pub(crate) fn node_id(&self, prefix: &str, id: u64) -> String {
        if self.era.node_ids { format!(r#""node_id":"{prefix}_kwDO{id:x}","#) } else { String::new() }
    }

    fn api(&self) -> String {
        format!("https://api.github.com/repos/{}", self.repository.name)
    }

    fn html(&self) -> String {
        format!("https://github.com/{}", self.repository.name)
    }
}

/// Appends a user, bot or organisation.
pub(crate) fn push_user(out: &mut String, scene: &EventScene<'_>, account: &Account) {
    let Account { id, login, display_login, kind } = account;
    let bot = *kind == AccountKind::Bot;
    let escaped = if bot { format!("{display_login}%5Bbot%5D") } else { login.clone() };
    let page = if bot { format!("apps/{display_login}") } else { login.clone() };
    let api = format!("https://api.github.com/users/{escaped}");
    let node_id = scene.node_id("U", *id);
    put!(
        out,
        r#"{{"login":"{login}","id":{id},{node_id}"avatar_url":"https://avatars.githubusercontent.com/u/{id}?v=4","gravatar_id":"","url":"{api}","html_url":"https://github.com/{page}","followers_url":"{api}/followers","following_url":"{api}/following{{/other_user}}","gists_url":"{api}/gists{{/gist_id}}","starred_url":"{api}/starred{{/owner}}{{/repo}}","subscriptions_url":"{api}/subscriptions","organizations_url":"{api}/orgs","repos_url":"{api}/repos","events_url":"{api}/events{{/privacy}}","received_events_url":"{api}/received_events","type":"{kind:?}","site_admin":false}}"#
    );
}

/// Appends a repository with the name `owner/short_name`.
pub(crate) fn push_repository(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    owner: &Account,
    id: u64,
    fork: bool,
) {
    let short = &scene.repository.short_name;
    let name = format!("{}/{short}", owner.login);
    let node_id = scene.node_id("R", id);
    put!(out, r#"{{"id":{id},{node_id}"name":"{short}","full_name":"{name}","owner":"#);
    push_user(out, scene, owner);
    put!(out, r#","private":false,"html_url":"https://github.com/{name}","description":"#);
    push_title(out, random, 8);
    let api = format!("https://api.github.com/repos/{name}");
    put!(out, r#","fork":{fork},"url":"{api}""#);
    for (field, path) in REPOSITORY_URLS {
        put!(out, r#","{field}":"{api}/{path}""#);
    }
    let (before, now) = (scene.before, scene.now);
    put!(
        out,
        r#","created_at":"{before}","updated_at":"{now}","pushed_at":"{now}","git_url":"git://github.com/{name}.git","ssh_url":"git@github.com:{name}.git","clone_url":"https://github.com/{name}.git","svn_url":"https://github.com/{name}","homepage":null,"size":{},"stargazers_count":{},"watchers_count":{},"language":{},"has_issues":true,"has_downloads":true,"has_wiki":true,"has_pages":false,"forks_count":{},"mirror_url":null,"open_issues_count":{},"forks":{},"open_issues":{},"watchers":{},"default_branch":"main"}}"#,
        random.skewed(900_000),
        random.skewed(40_000),
        random.skewed(40_000),
        random.pick(LANGUAGES),
        random.skewed(5000),
        random.skewed(900),
        random.skewed(5000),
        random.skewed(900),
        random.skewed(40_000),
    );
}

/// Appends an issue. `pull_request`: the issue is a pull request.
pub(crate) fn push_issue(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    number: u64,
    pull_request: bool,
) {
    let (api, html) = (scene.api(), scene.html());
    let id = 1_000_000_000 + scene.serial;
    let node_id = scene.node_id("I", id);
    let kind = if pull_request { "pull" } else { "issues" };
    put!(
        out,
        r#"{{"url":"{api}/issues/{number}","repository_url":"{api}","labels_url":"{api}/issues/{number}/labels{{/name}}","comments_url":"{api}/issues/{number}/comments","events_url":"{api}/issues/{number}/events","html_url":"{html}/{kind}/{number}","id":{id},{node_id}"number":{number},"title":"#
    );
    push_title(out, random, 7);
    out.push_str(r#","user":"#);
    push_user(out, scene, scene.actor);
    out.push_str(r#","labels":["#);
    if random.chance(300_000) {
        push_label(out, random, scene);
    }
    let (before, now) = (scene.before, scene.now);
    let comments = random.skewed(60);
    put!(
        out,
        r#"],"state":"open","locked":false,"assignee":null,"assignees":[],"milestone":null,"comments":{comments},"created_at":"{before}","updated_at":"{now}","closed_at":null"#
    );
    if pull_request {
        put!(
            out,
            r#","pull_request":{{"url":"{api}/pulls/{number}","html_url":"{html}/pull/{number}","diff_url":"{html}/pull/{number}.diff","patch_url":"{html}/pull/{number}.patch"}}"#
        );
    }
    out.push_str(r#","body":"#);
    push_body(out, random);
    out.push('}');
}

/// Appends a label of the repository.
pub(crate) fn push_label(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let name = random.pick(LABELS);
    let color = hex(random, 6);
    put!(out, r#"{{"url":"{}/labels/{name}","name":"{name}","color":"{color}","default":false}}"#, scene.api());
}

/// Appends a comment on an issue.
pub(crate) fn push_issue_comment(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, number: u64) {
    let (api, html) = (scene.api(), scene.html());
    let id = 2_000_000_000 + scene.serial;
    let node_id = scene.node_id("IC", id);
    put!(
        out,
        r#"{{"url":"{api}/issues/comments/{id}","html_url":"{html}/issues/{number}#issuecomment-{id}","issue_url":"{api}/issues/{number}","id":{id},{node_id}"user":"#
    );
    push_user(out, scene, scene.actor);
    put!(out, r#","created_at":"{0}","updated_at":"{0}","author_association":"NONE","body":"#, scene.now);
    push_body(out, random);
    out.push('}');
}

/// Appends a comment on a pull request with this number, or on a commit.
pub(crate) fn push_code_comment(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    pull_request: Option<u64>,
) {
    let (api, html) = (scene.api(), scene.html());
    let id = 1_500_000_000 + scene.serial;
    let commit = hex(random, 40);
    let (line, column) = (random.between(1, 900), random.between(1, 40));
    let path = format!("src/{}_{}.rs", random.pick(LABELS).replace(' ', "_"), random.below(90));
    if let Some(number) = pull_request {
        let hunk = format!("@@ -{line},{column} +{line},{column} @@ fn main() {{\n-\tlet a = 1;\n+\tlet a = \"2\";");
        put!(out, r#"{{"url":"{api}/pulls/comments/{id}","pull_request_review_id":{},"diff_hunk":"#, id + 1);
        push_string(out, &hunk);
        put!(out, r#","pull_request_url":"{api}/pulls/{number}","html_url":"{html}/pull/{number}#discussion_r{id}","#);
    } else {
        put!(
            out,
            r#"{{"url":"{api}/comments/{id}","html_url":"{html}/commit/{commit}#commitcomment-{id}","line":null,"#
        );
    }
    put!(out, r#""id":{id},"path":"{path}","position":{column},"commit_id":"{commit}","user":"#);
    push_user(out, scene, scene.actor);
    put!(out, r#","created_at":"{0}","updated_at":"{0}","body":"#, scene.now);
    push_body(out, random);
    out.push('}');
}

/// Appends a complete pull request, as before October 2025.
pub(crate) fn push_pull_request(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    number: u64,
    state: &str,
) {
    let (api, html) = (scene.api(), scene.html());
    let id = 500_000_000 + scene.serial;
    let node_id = scene.node_id("PR", id);
    put!(
        out,
        r#"{{"url":"{api}/pulls/{number}","id":{id},{node_id}"html_url":"{html}/pull/{number}","diff_url":"{html}/pull/{number}.diff","patch_url":"{html}/pull/{number}.patch","issue_url":"{api}/issues/{number}","number":{number},"state":"{state}","locked":false,"title":"#
    );
    push_title(out, random, 7);
    out.push_str(r#","user":"#);
    push_user(out, scene, scene.actor);
    out.push_str(r#","body":"#);
    push_body(out, random);
    let (before, now) = (scene.before, scene.now);
    put!(
        out,
        r#","created_at":"{before}","updated_at":"{now}","closed_at":null,"merged_at":null,"merge_commit_sha":"{}","assignee":null,"milestone":null,"commits_url":"{api}/pulls/{number}/commits","review_comments_url":"{api}/pulls/{number}/comments","review_comment_url":"{api}/pulls/comments{{/number}}","comments_url":"{api}/issues/{number}/comments","statuses_url":"{api}/statuses/","head":"#,
        hex(random, 40)
    );
    let head = scene.actor;
    push_branch(out, random, scene, head, scene.repository.id + 1, "patch-1");
    out.push_str(r#","base":"#);
    push_branch(out, random, scene, &scene.repository.owner, scene.repository.id, "main");
    put!(
        out,
        r#","_links":{{"self":{{"href":"{api}/pulls/{number}"}},"html":{{"href":"{html}/pull/{number}"}},"issue":{{"href":"{api}/issues/{number}"}},"comments":{{"href":"{api}/issues/{number}/comments"}},"commits":{{"href":"{api}/pulls/{number}/commits"}}}},"merged":false,"mergeable":null,"mergeable_state":"unknown","merged_by":null,"comments":{},"review_comments":{},"commits":{},"additions":{},"deletions":{},"changed_files":{}}}"#,
        random.skewed(50),
        random.skewed(50),
        1 + random.skewed(100),
        random.skewed(9000),
        random.skewed(9000),
        1 + random.skewed(300)
    );
}

/// Appends a pull request as it is since October 2025.
pub(crate) fn push_pull_request_stub(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, number: u64) {
    let api = scene.api();
    let Repository { id: repository_id, short_name, .. } = scene.repository;
    put!(out, r#"{{"url":"{api}/pulls/{number}","id":{},"number":{number}"#, 3_000_000_000 + scene.serial);
    for (side, branch) in [("head", "patch-1"), ("base", "main")] {
        put!(
            out,
            r#","{side}":{{"ref":"{branch}","sha":"{}","repo":{{"id":{repository_id},"url":"{api}","name":"{short_name}"}}}}"#,
            hex(random, 40)
        );
    }
    out.push('}');
}

/// Appends a review of a pull request.
pub(crate) fn push_review(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>, number: u64) {
    let id = 700_000_000 + scene.serial;
    let node_id = scene.node_id("PRR", id);
    put!(out, r#"{{"id":{id},{node_id}"user":"#);
    push_user(out, scene, scene.actor);
    out.push_str(r#","body":"#);
    if random.chance(500_000) {
        out.push_str("null");
    } else {
        push_body(out, random);
    }
    out.push_str(r#","commit_id":""#);
    push_hex(out, random, 40);
    let state = random.pick(&["commented", "approved", "changes_requested"]);
    put!(
        out,
        r#"","submitted_at":"{}","state":"{state}","html_url":"{}/pull/{number}#pullrequestreview-{id}","pull_request_url":"{}/pulls/{number}"}}"#,
        scene.now,
        scene.html(),
        scene.api()
    );
}

/// Appends a release.
pub(crate) fn push_release(out: &mut String, random: &mut SeededRandom, scene: &EventScene<'_>) {
    let (api, html) = (scene.api(), scene.html());
    let id = 30_000_000 + scene.serial;
    let tag = format!("v{}.{}.{}", random.skewed(20), random.skewed(40), random.skewed(40));
    put!(
        out,
        r#"{{"url":"{api}/releases/{id}","assets_url":"{api}/releases/{id}/assets","html_url":"{html}/releases/tag/{tag}","id":{id},"tag_name":"{tag}","target_commitish":"main","name":"#
    );
    push_title(out, random, 3);
    out.push_str(r#","draft":false,"author":"#);
    push_user(out, scene, scene.actor);
    put!(
        out,
        r#","prerelease":false,"created_at":"{}","published_at":"{}","assets":[],"tarball_url":"{api}/tarball/{tag}","zipball_url":"{api}/zipball/{tag}","body":"#,
        scene.before,
        scene.now
    );
    push_body(out, random);
    out.push('}');
}

fn push_branch(
    out: &mut String,
    random: &mut SeededRandom,
    scene: &EventScene<'_>,
    owner: &Account,
    id: u64,
    branch: &str,
) {
    put!(out, r#"{{"label":"{}:{branch}","ref":"{branch}","sha":"{}","user":"#, owner.login, hex(random, 40));
    push_user(out, scene, owner);
    out.push_str(r#","repo":"#);
    push_repository(out, random, scene, owner, id, id != scene.repository.id);
    out.push('}');
}

/// The fields of a repository with its URL and a path.
const REPOSITORY_URLS: &[(&str, &str)] = &[
    ("forks_url", "forks"),
    ("keys_url", "keys{/key_id}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("teams_url", "teams"),
    ("hooks_url", "hooks"),
    ("issue_events_url", "issues/events{/number}"),
    ("events_url", "events"),
    ("assignees_url", "assignees{/user}"),
    ("branches_url", "branches{/branch}"),
    ("tags_url", "tags"),
    ("blobs_url", "git/blobs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("trees_url", "git/trees{/sha}"),
    ("statuses_url", "statuses/{sha}"),
    ("languages_url", "languages"),
    ("stargazers_url", "stargazers"),
    ("contributors_url", "contributors"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("commits_url", "commits{/sha}"),
    ("git_commits_url", "git/commits{/sha}"),
    ("comments_url", "comments{/number}"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("contents_url", "contents/{+path}"),
    ("compare_url", "compare/{base}...{head}"),
    ("merges_url", "merges"),
    ("archive_url", "{archive_format}{/ref}"),
    ("downloads_url", "downloads"),
    ("issues_url", "issues{/number}"),
    ("pulls_url", "pulls{/number}"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("labels_url", "labels{/name}"),
    ("releases_url", "releases{/id}"),
];

const LANGUAGES: &[&str] = &["null", "\"Rust\"", "\"JavaScript\"", "\"Python\"", "\"C++\"", "\"Go\"", "\"HTML\""];

const LABELS: &[&str] = &["bug", "enhancement", "help wanted", "question", "wontfix", "dépendances", "優先"];
