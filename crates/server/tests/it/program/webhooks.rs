//! Events reach other programs: one that fails, hangs, leads elsewhere, talks nonsense, goes away and comes back; and over a
//! recorder that is killed.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sim::counterpart::Nginx;
use sim::time::wait_for;
use sim::{Program, Setup};

use super::tls::Authority;
use super::{PATIENCE, metric, on_a_recorded_call, printed, sealed, setup, text};

/// What a receiver does with a message.
#[derive(Debug, Clone)]
enum Does {
    Answers(u16),
    /// Answers that it is elsewhere.
    Leads(String),
    /// Keeps the line and says nothing.
    Hangs,
    /// Says something that is no HTTP.
    Babbles,
    /// Takes the message and closes.
    Closes,
}

/// A message as it came.
#[derive(Debug, Clone)]
struct Message {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value.as_str())
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn kind(&self) -> String {
        text(&self.event()["type"]).strip_prefix("sidetone.").expect("a type of ours").to_owned()
    }
}

/// Another program that is told. What it does next is put into its queue; with nothing there it answers 204.
struct Receiver {
    address: SocketAddr,
    todo: Arc<Mutex<VecDeque<Does>>>,
    came: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    fn start() -> Self {
        Self::at(&TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn at(listener: &TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let receiver = Self { address, todo: Arc::default(), came: Arc::default() };
        let (listener, todo, came) =
            (listener.try_clone().expect("it is open"), receiver.todo.clone(), receiver.came.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (todo, came) = (todo.clone(), came.clone());
                std::thread::spawn(move || take(stream, &todo, &came));
            }
        });
        receiver
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn will(&self, does: impl IntoIterator<Item = Does>) {
        self.todo.lock().expect("nobody panics with it").extend(does);
    }

    fn came(&self) -> Vec<Message> {
        self.came.lock().expect("nobody panics with it").clone()
    }

    /// Waits until so many messages have come.
    fn wait(&self, count: usize) -> Vec<Message> {
        wait_for(&format!("{count} messages"), PATIENCE, || {
            Some(self.came()).filter(|came| came.len() >= count)
        })
    }

    /// Waits until a message of this kind has come.
    fn wait_kind(&self, kind: &str) -> Message {
        wait_for(kind, PATIENCE, || self.came().into_iter().find(|message| message.kind() == kind))
    }
}

/// Takes one message; it is in the list before it is answered.
fn take(stream: TcpStream, todo: &Mutex<VecDeque<Does>>, came: &Mutex<Vec<Message>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("it is open"));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).expect("a path").to_owned();
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines[1..].iter().filter_map(header).collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().expect("it is there"));
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let message = Message { path, headers, body: String::from_utf8(body).expect("text") };
    let does = todo.lock().expect("nobody panics with it").pop_front().unwrap_or(Does::Answers(204));
    came.lock().expect("nobody panics with it").push(message);
    let mut stream = stream;
    let _ = match does {
        Does::Answers(status) => write!(stream, "HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n"),
        Does::Leads(url) => {
            write!(stream, "HTTP/1.1 307 There\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")
        }
        Does::Babbles => stream.write_all(&[0xff; 300]),
        Does::Closes => Ok(()),
        Does::Hangs => {
            // Until the other end has had enough.
            let _ = stream.read(&mut [0; 1]);
            Ok(())
        }
    };
}

fn open_setup() -> Setup {
    setup().argument("--webhooks-allow").argument("127.0.0.1")
}

/// Adds a webhook; its path and its secret.
fn add(program: &Program, url: &str, kinds: &[&str]) -> (String, String) {
    let made = program.http.post("/v1/webhooks", &json!({"url": url, "kinds": kinds}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    (format!("/v1/webhooks/{}", text(&made["id"])), text(&made["secret"]).to_owned())
}

/// Puts an agent: one event of kind `agent.put`, told once it is durable.
fn put_agent(program: &Program, id: u32) {
    let put = program.http.put(&format!("/v1/agents/{id}"), &json!({"phone": format!("7{id:04}")}));
    assert_eq!(put.status, 201, "{}", put.text());
}

/// The agents that messages tell of, in the order they came.
fn agents(messages: &[Message]) -> Vec<u64> {
    let agent = |message: &Message| message.event()["data"]["agents"][0].as_u64().expect("an agent");
    messages.iter().map(agent).collect()
}

/// What openssl makes of a message with the key of a secret.
fn signature(message: &Message, secret: &str) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let openssl = sim::debian::program("openssl", "openssl");
    let mut child = Command::new(openssl)
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{hex}"), "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let signed = [message.header("webhook-id"), message.header("webhook-timestamp"), &message.body].join(".");
    child.stdin.take().expect("a pipe").write_all(signed.as_bytes()).expect("it listens");
    let said = child.wait_with_output().expect("it ends").stdout;
    assert_eq!(said.len(), 32);
    format!("v1,{}", STANDARD.encode(said))
}

#[test]
fn a_call_is_told_step_by_step_signed_and_without_what_was_written_into_it() {
    let program = open_setup().start();
    let receiver = Receiver::start();
    let (_, secret) = add(&program, &receiver.url(), &["call", "recording", "blackout"]);
    let call = program.call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    let command = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {"user2": "order 4711"}});
    program.http.post("/api/Record/UpdateForAgent", &command).ok();
    program.http.post("/api/Blackout/StartForAgent", &command).ok();
    program.http.post("/api/Blackout/StopForAgent", &command).ok();
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    receiver.wait_kind("recording.sealed");
    let came = receiver.came();
    let kinds: Vec<String> = came.iter().map(Message::kind).collect();
    for kind in [
        "call.began",
        "recording.started",
        "call.tagged",
        "blackout.opened",
        "blackout.closed",
        "recording.stopped",
    ] {
        assert!(kinds.iter().any(|came| came == kind), "{kind} is not among {kinds:?}");
    }
    let mut times: Vec<String> =
        came.iter().map(|message| text(&message.event()["data"]["at"]).to_owned()).collect();
    let told = times.clone();
    times.sort();
    assert_eq!(told.first(), times.first(), "in the order in which it happened: {told:?}");
    let mut ids = std::collections::BTreeSet::new();
    for message in &came {
        let event = message.event();
        assert_eq!(
            (message.path.as_str(), message.header("content-type")),
            ("/hook", "application/cloudevents+json")
        );
        assert_eq!(
            (&event["specversion"], &event["datacontenttype"]),
            (&json!("1.0"), &json!("application/json"))
        );
        assert_eq!(event["id"], message.header("webhook-id"));
        assert!(ids.insert(text(&event["id"]).to_owned()), "each comes once");
        assert!(text(&event["source"]).ends_with("/v1/events"), "{event}");
        assert_eq!(message.header("webhook-signature"), signature(message, &secret));
        let now = sim::time::now_ns() / 1_000_000_000;
        let at: i64 = message.header("webhook-timestamp").parse().expect("seconds");
        assert!((now - at).abs() < 300, "{at} is not now, {now}");
        assert!(!message.body.contains("order 4711"), "values are not told: {}", message.body);
    }
    let last = receiver.wait_kind("recording.sealed").event();
    assert_eq!(last["subject"], json!(format!("recordings/{}", text(&found["id"]))));
    assert_eq!(
        metric(&program.http, "sidetone_webhook_deliveries_total{result=\"delivered\"}"),
        came.len() as u64
    );
    assert!(!program.stop().log.contains(&secret), "secrets are not in the log");
}

#[test]
fn a_receiver_that_fails_in_every_way_gets_all_in_order_in_the_end() {
    let program = open_setup().start();
    let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
    let (hook, secret) = add(&program, &receiver.url(), &["agent"]);
    let wanted = json!({"url": receiver.url(), "kinds": ["agent"]});
    let ways = [
        Does::Answers(500),
        Does::Leads(elsewhere.url()),
        Does::Babbles,
        Does::Closes,
        Does::Answers(503),
        Does::Hangs,
    ];
    receiver.will(ways.clone());
    for id in 100..103 {
        put_agent(&program, id);
    }
    for tries in 1..=ways.len() {
        receiver.wait(tries);
        wait_for("what came of it is written down", PATIENCE, || {
            let page = program.http.get(&format!("{hook}/deliveries?state=waiting")).ok().json();
            let first = page["items"].as_array()?.last()?.clone();
            (first["attempts"] == json!(tries)).then_some(first)
        });
        // Whoever sees to it need not wait for the next try.
        program.http.put(&hook, &wanted).ok();
    }
    let came = receiver.wait(ways.len() + 3);
    assert_eq!(agents(&came), [100, 100, 100, 100, 100, 100, 100, 101, 102], "nothing passes what waits");
    let first = came[0].header("webhook-id");
    assert!(
        came[..=ways.len()]
            .iter()
            .all(|message| message.header("webhook-id") == first && message.body == came[0].body)
    );
    assert!(came.iter().all(|message| message.header("webhook-signature") == signature(message, &secret)));
    assert!(elsewhere.came().is_empty(), "redirects are not followed");
    let alarms = program.http.get("/v1/alarms?state=over").ok().json();
    let kinds: Vec<&Value> = alarms["items"].as_array().unwrap().iter().map(|alarm| &alarm["kind"]).collect();
    assert!(kinds.contains(&&json!("webhook_failing")), "{alarms}");
    let page = program.http.get(&format!("{hook}/deliveries?state=delivered")).ok().json();
    let attempts: Vec<&Value> =
        page["items"].as_array().unwrap().iter().map(|item| &item["attempts"]).collect();
    assert_eq!(attempts, [1, 1, 7]);
}

#[test]
fn what_a_receiver_does_not_take_does_not_keep_the_rest_back_and_is_sent_again_on_demand() {
    let program = open_setup().start();
    let receiver = Receiver::start();
    let (hook, _) = add(&program, &receiver.url(), &["agent.put"]);
    receiver.will([Does::Answers(422)]);
    for id in 100..103 {
        put_agent(&program, id);
    }
    let came = receiver.wait(3);
    assert_eq!(agents(&came[..3]), [100, 101, 102]);
    // By its own, some seconds later.
    let again = receiver.wait(4);
    assert_eq!((agents(&again)[3], again[3].header("webhook-id")), (100, came[0].header("webhook-id")));
    let after = again[1].header("webhook-id");
    let answer = program.http.post(&format!("{hook}/replay"), &json!({"after": after}));
    assert_eq!((answer.status, answer.json()), (202, json!({"events": 1})));
    assert_eq!(agents(&receiver.wait(5))[4], 102);
    let said = printed(
        &program,
        &["webhooks", "replay", hook.rsplit('/').next().unwrap(), "--from", "2020-01-01T00:00:00Z"],
    );
    assert_eq!(said.trim(), "3 events are on their way");
    assert_eq!(agents(&receiver.wait(8))[5..], [100, 101, 102]);
}

#[test]
fn no_event_is_lost_over_a_recorder_that_is_killed_and_a_receiver_that_is_away() {
    let setup = open_setup();
    // It is away: nobody listens at its port.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut program = setup.start();
    let (hook, secret) = add(&program, &format!("http://{address}/hook"), &["agent.put"]);
    let mut put = Vec::new();
    for round in 0..6 {
        for id in 1_000 + round * 10..1_004 + round * 10 {
            put_agent(&program, id);
            put.push(u64::from(id));
        }
        // Right after the last 200: what it told may not be in the outbox yet.
        program.kill();
        program = setup.start();
    }
    let receiver = Receiver::at(&TcpListener::bind(address).expect("its port again"));
    let wanted = json!({"url": receiver.url(), "kinds": ["agent.put"]});
    program.http.put(&hook, &wanted).ok();
    let told = wait_for("all agents", PATIENCE, || {
        let told: Vec<u64> =
            agents(&receiver.came()).into_iter().filter(|agent| put.contains(agent)).collect();
        put.iter().all(|agent| told.contains(agent)).then_some(told)
    });
    let mut once = told.clone();
    once.dedup();
    assert_eq!(once, put, "each of them, in order");
    assert!(
        receiver
            .came()
            .iter()
            .all(|message| message.header("webhook-signature") == signature(message, &secret))
    );
    assert_eq!(metric(&program.http, "sidetone_webhook_events_lost_total"), 0);
    assert_eq!(metric(&program.http, "sidetone_webhook_waiting"), 0);
}

#[test]
fn an_orderly_stop_leaves_nothing_to_be_told_twice() {
    let setup = open_setup();
    let program = setup.start();
    let receiver = Receiver::start();
    let (_, _) = add(&program, &receiver.url(), &["agent.put"]);
    put_agent(&program, 100);
    receiver.wait(1);
    program.rest();
    let program = setup.start();
    put_agent(&program, 101);
    wait_for("the second", PATIENCE, || agents(&receiver.came()).contains(&101).then_some(()));
    let told: Vec<u64> = agents(&receiver.came()).into_iter().filter(|agent| *agent >= 100).collect();
    assert_eq!(told, [100, 101]);
}

#[test]
fn one_that_is_gone_for_good_is_switched_off_and_an_alarm_says_so() {
    let program = open_setup().start();
    let receiver = Receiver::start();
    let (hook, _) = add(&program, &receiver.url(), &["agent"]);
    receiver.will([Does::Answers(410)]);
    put_agent(&program, 100);
    let shown = wait_for("it is off", PATIENCE, || {
        let shown = program.http.get(&hook).ok().json();
        (shown["active"] == false).then_some(shown)
    });
    assert!(text(&shown["why_off"]).contains("410"), "{shown}");
    put_agent(&program, 101);
    let alarms = program.http.get("/v1/alarms").ok().json();
    assert!(alarms.to_string().contains("webhook_off"), "{alarms}");
    // Switched on again it gets what waited, and not what came while it was off.
    program.http.put(&hook, &json!({"url": receiver.url(), "kinds": ["agent"]})).ok();
    put_agent(&program, 102);
    assert_eq!(agents(&receiver.wait(3)), [100, 100, 102]);
}

#[test]
fn an_exchanged_secret_is_signed_with_beside_the_one_before() {
    let program = open_setup().start();
    let receiver = Receiver::start();
    let (hook, before) = add(&program, &receiver.url(), &["agent"]);
    let after = program.http.post(&format!("{hook}/secret"), &json!({})).ok().json();
    let tested = program.http.post(&format!("{hook}/test"), &json!({})).ok().json();
    assert_eq!(tested, json!({"delivered": true, "status": 204, "problem": null}));
    let message = receiver.wait(1).remove(0);
    let by_both = format!("{} {}", signature(&message, text(&after["secret"])), signature(&message, &before));
    assert_eq!(
        (message.header("webhook-signature"), message.kind().as_str()),
        (by_both.as_str(), "webhook.test")
    );
}

#[test]
fn a_receiver_within_is_not_called_unless_the_settings_open_it() {
    let program = setup().start();
    let receiver = Receiver::start();
    let (hook, _) = add(&program, &format!("http://localhost:{}/hook", receiver.address.port()), &["agent"]);
    put_agent(&program, 100);
    let waiting = wait_for("it was tried", PATIENCE, || {
        let page = program.http.get(&format!("{hook}/deliveries")).ok().json();
        let item = page["items"][0].clone();
        item["problem"].is_string().then_some(item)
    });
    assert!(text(&waiting["problem"]).contains("which is not called: it is of this machine"), "{waiting}");
    let hook = hook.rsplit('/').next().unwrap();
    let refused = program.run(&["webhooks", "test", hook]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("webhooks.allow"));
    std::thread::sleep(Duration::from_millis(200));
    assert!(receiver.came().is_empty());
}

#[test]
fn webhooks_are_kept_by_hand_on_the_command_line() {
    let program = open_setup().start();
    let receiver = Receiver::start();
    let said = printed(&program, &["webhooks", "add", &receiver.url(), "--kinds", "agent,call.ended"]);
    let word = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {said}")).trim().to_owned()
    };
    let (id, secret) = (word("webhook"), word("secret"));
    assert!(secret.starts_with("whsec_"));
    let list = printed(&program, &["webhooks", "list"]);
    assert!(list.contains(&id) && list.contains("agent,call.ended") && !list.contains(&secret), "{list}");
    assert!(printed(&program, &["webhooks", "test", &id]).contains("204"));
    put_agent(&program, 100);
    receiver.wait(2);
    let delivered = wait_for("it is written down", PATIENCE, || {
        let said = printed(&program, &["webhooks", "deliveries", &id, "--state", "delivered"]);
        said.contains("agent.put").then_some(said)
    });
    assert!(delivered.lines().count() == 2, "{delivered}");
    printed(&program, &["webhooks", "remove", &id]);
    assert!(!printed(&program, &["webhooks", "list"]).contains(&id));
}

#[test]
fn a_receiver_over_tls_is_told_if_its_authority_is_believed_and_told_apart_if_not() {
    let setup = open_setup();
    let authority = Authority::new(&setup, "ca");
    let pair = authority.give("receiver", &["127.0.0.1"]);
    let receiver = Receiver::start();
    let nginx = Nginx::start(&setup.beside("nginx"), (&pair.certificate, &pair.key), receiver.address);
    let url = format!("https://{}/hook", nginx.address);

    let program = setup.clone().start();
    let (at, _) = add(&program, &url, &["agent"]);
    let tested = program.http.post(&format!("{at}/test"), &json!({})).json();
    assert!(text(&tested["problem"]).contains("TLS"), "{tested}");
    assert!(receiver.came().is_empty(), "nothing is said to somebody unknown");
    program.stop();

    let program = setup.clone().argument("--webhooks-ca").argument(authority.argument()).start();
    put_agent(&program, 9);
    let message = receiver.wait_kind("agent.put");
    assert_eq!(message.path, "/hook");
    assert_eq!(message.header("x-forwarded-proto"), "https");
    program.stop();

    let (status, said) = setup.argument("--webhooks-ca").argument("/dev/null").start_refused();
    assert!(!status.success() && said.contains("no certificate in it"), "{said}");
}
