//! Takes a picture of the page with an installed Chromium, over its DevTools pipe.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cli_core::CliError;
use cli_core::format::one_line;
use serde_json::{Value, json};

use super::file::write;

/// Names of Chromium and its relatives, the most common first.
const NAMES: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome-headless-shell",
    "microsoft-edge",
];

/// Width of the picture in pixels, which fits into a mail.
const WIDTH: u32 = 900;
/// Limit of Chromium for the height of a picture, in pixels.
const MAX_HEIGHT: u64 = 16_000;
/// Longest wait for a reply of the browser.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

/// Writes a picture of the whole page in light mode to `png`.
pub(super) fn picture(page: &Path, png: &Path) -> Result<(), CliError> {
    let program = find().ok_or_else(|| failed("no Chromium or Chrome is installed"))?;
    let page = page.canonicalize().map_err(|error| failed(&error.to_string()))?;
    let profile = tempfile::tempdir().map_err(|error| failed(&error.to_string()))?;
    let mut browser =
        Browser::start(&program, profile.path()).map_err(|error| failed(&format!("{}: {error}", program.display())))?;
    let taken = browser.take(&format!("file://{}", page.display()));
    browser.end();
    let bytes = taken.map_err(|error| failed(&format!("{}: {error}", program.display())))?;
    write(png, &bytes)
}

fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROME").filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// A running browser. Commands and replies are JSON, each followed by a zero byte.
struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: mpsc::Receiver<Value>,
    last: u64,
}

impl Browser {
    fn start(program: &Path, profile: &Path) -> io::Result<Self> {
        // Chromium reads commands from file descriptor 3 and writes replies to 4.
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3<&0 4>&1 </dev/null >/dev/null; exec \"$0\" \"$@\""]).arg(program);
        command.args(["--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        if rustix::process::geteuid().is_root() {
            // The sandbox of Chromium refuses to run as root. The page is our own and loads nothing.
            command.args(["--no-sandbox", "--no-zygote"]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        Ok(Self { child, commands, answers: reader(answers), last: 0 })
    }

    fn take(&mut self, address: &str) -> io::Result<Vec<u8>> {
        let target = self.call(None, "Target.createTarget", json!({"url": "about:blank"}))?;
        let attached =
            self.call(None, "Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}))?;
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        let session = Some(session.as_str());
        let size = |height: u64| json!({"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call(session, "Emulation.setDeviceMetricsOverride", size(1000))?;
        self.call(session, "Page.navigate", json!({"url": address}))?;
        let height = self.drawn_height(session)?.clamp(100, MAX_HEIGHT);
        self.call(session, "Emulation.setDeviceMetricsOverride", size(height))?;
        let shot = self.call(session, "Page.captureScreenshot", json!({"format": "png"}))?;
        STANDARD.decode(shot["data"].as_str().unwrap_or_default()).map_err(io::Error::other)
    }

    /// The height of the page, which its script sets once it is drawn.
    fn drawn_height(&mut self, session: Option<&str>) -> io::Result<u64> {
        for _ in 0..300 {
            let asked = json!({"expression": "Number(document.documentElement.dataset.height)", "returnByValue": true});
            let answer = self.call(session, "Runtime.evaluate", asked)?;
            if let Some(height) = answer["result"]["value"].as_u64() {
                return Ok(height);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the page was not drawn"))
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> io::Result<Value> {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.commands.write_all(format!("{command}\0").as_bytes())?;
        loop {
            let answer = self.answers.recv_timeout(REPLY_TIMEOUT);
            let mut answer = answer.map_err(|_| io::Error::other(format!("no reply to {method}")))?;
            if answer["id"].as_u64() == Some(self.last) {
                return match answer["error"]["message"].as_str() {
                    Some(message) => Err(io::Error::other(format!("{method}: {message}"))),
                    None => Ok(answer["result"].take()),
                };
            }
        }
    }

    fn end(mut self) {
        let _ = self.call(None, "Browser.close", json!({}));
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads replies and events in a thread, so that a wait can time out.
fn reader(pipe: ChildStdout) -> mpsc::Receiver<Value> {
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || {
        for message in BufReader::new(pipe).split(0) {
            let Some(message) = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) else { return };
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    answers
}

fn failed(reason: &str) -> CliError {
    CliError::NoPicture { reason: one_line(reason) }
}
