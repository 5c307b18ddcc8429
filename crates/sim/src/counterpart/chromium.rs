//! Chromium without a window: a browser with a page open, told what to do over its debugging pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::PATIENCE;
use crate::debian;
use crate::time::wait_for;

/// Messages that are read in search of an answer: between two of them a page says what happens to it.
const MAX_MESSAGES: usize = 10_000;

/// A browser and its one page.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    tell: ChildStdin,
    told: BufReader<ChildStdout>,
    last: u64,
    page: Option<String>,
}

impl Chromium {
    /// Opens a page. Sound plays without a click, and is not heard.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub fn open(folder: &Path, url: &str) -> Self {
        let mut command = Command::new("sh");
        // It is told over descriptor 3 and answers over 4.
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh"]);
        command.arg(debian::program("chromium", "chromium")).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--mute-audio",
            "--autoplay-policy=no-user-gesture-required",
            "--remote-debugging-pipe",
        ]);
        command.arg(format!("--user-data-dir={}", folder.join("chromium").display())).arg("about:blank");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh is there");
        let tell = child.stdin.take().expect("it is piped");
        let told = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut browser = Self { child, tell, told, last: 0, page: None };
        let page = wait_for("a page of the browser", PATIENCE, || {
            let targets = browser.ask("Target.getTargets", &json!({}));
            let targets = targets["targetInfos"].as_array()?;
            targets.iter().find(|it| it["type"] == "page")?["targetId"].as_str().map(str::to_owned)
        });
        let attached = browser.ask("Target.attachToTarget", &json!({"targetId": page, "flatten": true}));
        browser.page = attached["sessionId"].as_str().map(str::to_owned);
        browser.ask("Page.navigate", &json!({ "url": url }));
        browser
    }

    /// The value of an expression of JavaScript on the page.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        self.ask("Runtime.evaluate", &asked)["result"]["value"].take()
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(page) = &self.page {
            message["sessionId"] = json!(page);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.tell.write_all(&bytes).expect("the browser listens");
        for _ in 0..MAX_MESSAGES {
            bytes.clear();
            self.told.read_until(0, &mut bytes).expect("the browser answers");
            bytes.pop();
            let mut message: Value = serde_json::from_slice(&bytes)
                .unwrap_or_else(|error| panic!("the browser is gone ({error}) after {method}"));
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
        }
        panic!("the browser speaks of everything but {method}")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        // It ends its own processes when it is told to end.
        let _ = kill(pid, Signal::SIGTERM);
        let ended = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            self.child.try_wait().is_ok_and(|status| status.is_some())
        });
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
