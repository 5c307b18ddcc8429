//! What one asks for and another approves.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use calls::time::Wall;
use serde_json::{Value, json};
use sidetone::identity::{Login, Policy};
use vault::keys::{self, NothingUnlocks, Unlock};
use zeroize::Zeroizing;

use super::{FIRST_PASSWORD, PASSWORD, Person, asking, asking_with, by_key, log_in, log_in_with};
use crate::control::native::recordings::row;
use crate::fake::{Answer, Recorder};
use crate::talk::{self, Talk};

/// A passphrase for a key.
const WORDS: &str = "several words that nobody guesses";

/// Pia and Paul are privacy officers, Cleo is of compliance.
async fn staffed(recorder: &Recorder) -> (Person, Person, Person, Person) {
    let ada = log_in(recorder, "ada").await;
    ada.add(recorder, "pia", &json!({"roles": ["privacy_officer"]})).await;
    ada.add(recorder, "paul", &json!({"roles": ["privacy_officer"]})).await;
    ada.add(recorder, "cleo", &json!({"roles": ["compliance"]})).await;
    let person = async |name| log_in(recorder, name).await;
    (person("pia").await, person("paul").await, person("cleo").await, ada)
}

fn erasure() -> Value {
    json!({"number": "+15550100", "why": "GDPR 17(1)(a)"})
}

#[tokio::test]
async fn an_erasure_is_asked_for_by_one_and_done_when_another_approves() {
    let recorder = asking().await;
    let (pia, paul, _, ada) = staffed(&recorder).await;
    let sealed = recorder.seal(1, &Talk::default()).await;
    let uri = format!("/v1/recordings/{sealed}");
    let mut dry = erasure();
    dry["dry_run"] = json!(true);
    assert_eq!(
        pia.post(&recorder, "/v1/erasures", &dry).await.json()["would_go"].as_array().unwrap().len(),
        1
    );
    let asked = pia.post(&recorder, "/v1/erasures", &erasure()).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["state"]), (202, &json!("waiting")), "{}", asked.text());
    assert_eq!((&asked.json()["by"], asked.header("location")), (&json!("pia"), "/v1/approvals/1"));
    assert_eq!(pia.get(&recorder, &uri).await.status, 200, "nothing is erased yet");
    let own = pia.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!(own.status, 403);
    assert!(own.detail().contains("Another person"), "{}", own.text());
    assert_eq!(
        ada.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status,
        403,
        "not for administrators"
    );
    let done = paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!((done.status.as_u16(), &done.json()["state"]), (200, &json!("approved")), "{}", done.text());
    assert_eq!(pia.get(&recorder, &uri).await.status, 410);
    let proof = pia.get(&recorder, "/v1/erasures").await.json()["items"][0].clone();
    assert_eq!((&proof["by"], &proof["why"]), (&json!("pia, approved by paul"), &json!("GDPR 17(1)(a)")));
    let again = paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!(again.status, 409);
    assert_eq!(paul.get(&recorder, "/v1/approvals").await.json()["items"], json!([]));
    assert_eq!(paul.get(&recorder, "/v1/approvals?state=all").await.json()["items"][0]["decided_by"], "paul");
}

#[tokio::test]
async fn what_is_refused_is_not_done_and_who_asked_may_take_it_back() {
    let recorder = asking().await;
    let (pia, paul, _, _) = staffed(&recorder).await;
    let sealed = recorder.seal(1, &Talk::default()).await;
    for decider in [&paul, &pia] {
        let asked = pia.post(&recorder, "/v1/erasures", &erasure()).await;
        let uri = asked.header("location").to_owned();
        let refused = decider.post(&recorder, &format!("{uri}/refuse"), &json!({})).await;
        assert_eq!(refused.json()["state"], "refused");
        assert_eq!(paul.post(&recorder, &format!("{uri}/approve"), &json!({})).await.status, 409);
    }
    assert_eq!(pia.get(&recorder, &format!("/v1/recordings/{sealed}")).await.status, 200);
    assert_eq!(pia.post(&recorder, "/v1/approvals/99/approve", &json!({})).await.status, 404);

    // What was decided is listed on request, newest first, a page at a time.
    assert_eq!(paul.get(&recorder, "/v1/approvals").await.json(), json!({"items": [], "next": null}));
    let page = paul.get(&recorder, "/v1/approvals?state=all&limit=1").await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(2), &json!(2)), "{page}");
    let rest = paul.get(&recorder, "/v1/approvals?state=all&limit=1&cursor=2").await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&json!(1), &Value::Null), "{rest}");
    for wrong in ["limit=0", "limit=501", "cursor=x", "state=old"] {
        assert_eq!(paul.get(&recorder, &format!("/v1/approvals?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn who_approves_an_erasure_sees_what_would_go_and_what_came_later_stays() {
    let recorder = asking().await;
    let (pia, paul, _, _) = staffed(&recorder).await;
    let sealed = recorder.seal(1, &Talk::default()).await;
    pia.post(&recorder, "/v1/erasures", &erasure()).await;
    let later = {
        let started = Wall::from_ms(4_000_000_000_000);
        let ended = started.after(Duration::from_secs(10));
        let row = index::RecordingRow { started, ended, ..row(2) };
        let row = talk::seal(&mut recorder.store.lock().unwrap(), row, &Talk::default());
        recorder.index.put_recording(&row).await.unwrap();
        row.id
    };
    let waiting = paul.get(&recorder, "/v1/approvals/1").await.json();
    let would = |list: &str| waiting["would"][list].as_array().unwrap().clone();
    assert_eq!((would("would_go").len(), would("stays").len()), (1, 0), "{waiting}");
    assert_eq!(would("would_go")[0]["id"], json!(sealed.to_string()));
    assert_eq!(waiting["what"]["number"], "+15550100");
    let done = paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(pia.get(&recorder, &format!("/v1/recordings/{sealed}")).await.status, 410);
    assert_eq!(
        pia.get(&recorder, &format!("/v1/recordings/{later}")).await.status,
        200,
        "nobody has seen it"
    );
    // Whom it was about is nowhere any more.
    for answer in [done.json(), paul.get(&recorder, "/v1/approvals/1").await.json()] {
        assert_eq!((&answer["what"], &answer["would"]), (&json!({"struck": true}), &Value::Null), "{answer}");
    }
}

#[tokio::test]
async fn what_is_approved_and_cannot_be_done_says_that_it_failed_and_why() {
    let recorder = asking().await;
    let (pia, paul, cleo, _) = staffed(&recorder).await;
    let sealed = recorder.seal(1, &Talk::default()).await;
    pia.post(&recorder, "/v1/erasures", &erasure()).await;
    let hold = json!({"matter": "m", "owner": "o", "reason": "r", "recordings": [sealed.to_string()]});
    assert_eq!(cleo.post(&recorder, "/v1/holds", &hold).await.status, 201);
    let waiting = paul.get(&recorder, "/v1/approvals/1").await.json();
    let stays = waiting["would"]["stays"][0]["why"].as_str().unwrap();
    assert!(stays.contains("hold 1 keeps it"), "{waiting}");
    let refused = paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!(refused.status, 409);
    let failed = paul.get(&recorder, "/v1/approvals/1").await.json();
    assert_eq!(
        (&failed["state"], &failed["problem"]),
        (&json!("failed"), &json!(refused.detail())),
        "{failed}"
    );
    assert_eq!((&failed["decided_by"], &failed["what"]), (&json!("paul"), &json!({"struck": true})));
    assert_eq!(pia.get(&recorder, &format!("/v1/recordings/{sealed}")).await.status, 200);
}

#[tokio::test]
async fn a_hold_is_released_by_two() {
    let recorder = asking().await;
    let (_, paul, cleo, _) = staffed(&recorder).await;
    let sealed = recorder.seal(1, &Talk::default()).await.to_string();
    let hold = json!({"matter": "2026-77", "owner": "Dana", "reason": "a claim", "recordings": [sealed]});
    assert_eq!(cleo.post(&recorder, "/v1/holds", &hold).await.status, 201);
    let asked = cleo.post(&recorder, "/v1/holds/1/release", &json!({"why": "settled"})).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(cleo.get(&recorder, "/v1/holds/1").await.json()["released"], Value::Null);
    assert_eq!(paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 200);
    let hold = cleo.get(&recorder, "/v1/holds/1").await.json();
    assert_eq!(
        (&hold["released_by"], &hold["released_why"]),
        (&json!("cleo, approved by paul"), &json!("settled"))
    );
    let again = cleo.post(&recorder, "/v1/holds/1/release", &json!({"why": "settled"})).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn nobody_is_two_by_a_key_of_their_own() {
    let recorder = asking().await;
    let (_, paul, _, ada) = staffed(&recorder).await;
    recorder.seal(1, &Talk::default()).await;
    // Not by who has made Paul's account a moment ago.
    ada.add(&recorder, "ida", &json!({"roles": ["administrator"]})).await;
    let ida = log_in(&recorder, "ida").await;
    let key = ida.add_key(&recorder, "robot", &json!({"roles": ["privacy_officer"]})).await;
    let asked = by_key(&recorder, &key, Method::POST, "/v1/erasures", &erasure().to_string()).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let by_program = by_key(&recorder, &key, Method::POST, "/v1/approvals/1/approve", "").await;
    assert!(by_program.detail().contains("not a program"), "{}", by_program.text());
    assert_eq!(paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 200);
}

/// What opens a file with this passphrase.
struct Passphrase(&'static str);

impl Unlock for Passphrase {
    fn passphrase(&self, _: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        Ok(Zeroizing::new(self.0.as_bytes().to_vec()))
    }

    fn token_opens(&self, label: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        NothingUnlocks.token_opens(label, encrypted)
    }

    fn token_seals(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        NothingUnlocks.token_seals(label, plain)
    }
}

async fn fetched(recorder: &Recorder, who: &Person, passphrase: &str) -> Answer {
    who.post(recorder, "/v1/keys/exports/1/file", &json!({"passphrase": passphrase})).await
}

#[tokio::test]
async fn a_key_is_asked_for_by_one_approved_by_another_and_given_once_to_the_first_alone() {
    // One is enough for everything else here.
    let recorder =
        asking_with(Policy { login: Login::Required, four_eyes: false, ..Policy::default() }).await;
    let (_, paul, _, ada) = staffed(&recorder).await;
    ada.add(&recorder, "eve", &json!({"roles": ["administrator"]})).await;
    let eve = log_in(&recorder, "eve").await;
    let id = ada.get(&recorder, "/v1/keys").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let wanted = json!({"key": id, "why": "a copy for the safe"});
    let asked = eve.post(&recorder, "/v1/keys/exports", &wanted).await;
    assert_eq!((asked.status.as_u16(), &asked.json()["state"]), (202, &json!("waiting")), "{}", asked.text());
    let refused = async |who: &Person, passphrase: &str, status: u16, why: &str| {
        let answer = fetched(&recorder, who, passphrase).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.detail().contains(why) && !answer.text().contains(passphrase), "{}", answer.text());
    };
    refused(&eve, WORDS, 409, "nother person has to approve it first").await;
    assert_eq!(eve.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 403);
    let waiting = paul.get(&recorder, "/v1/approvals").await.json()["items"][0].clone();
    assert_eq!((&waiting["kind"], &waiting["what"]["key"]), (&json!("key_export"), &json!(id)));
    let approved = paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text());
    refused(&paul, WORDS, 403, "").await;
    refused(&ada, WORDS, 403, "nly eve, who has asked").await;
    refused(&eve, "short", 400, "15 to 256").await;
    refused(&eve, "several words\nin two lines", 400, "one line").await;

    let given = fetched(&recorder, &eve, WORDS).await;
    assert_eq!((given.status.as_u16(), given.header("cache-control")), (200, "no-store"), "{}", given.text());
    assert!(given.header("content-disposition").contains("reading.key"));
    assert!(given.text().starts_with(&format!("sidetone-reading-key-sealed-1 {id} ")), "{}", given.text());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reading.key");
    let mut options = std::fs::OpenOptions::new();
    let written = options.write(true).create(true).mode(0o600).open(&file);
    written.unwrap().write_all(given.text().as_bytes()).unwrap();
    let ids = keys::reading_key(&file, &Passphrase(WORDS)).unwrap().ids();
    assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [id]);
    assert!(keys::reading_key(&file, &Passphrase("several other words")).is_err());

    refused(&eve, WORDS, 409, "given once").await;
    let listed = ada.get(&recorder, "/v1/keys/exports").await.json()["items"][0].clone();
    assert_eq!(
        (&listed["state"], &listed["by"], &listed["decided_by"]),
        (&json!("given"), &json!("eve"), &json!("paul"))
    );
}

#[tokio::test]
async fn a_key_is_not_asked_for_by_programs_nor_where_nobody_logs_in_nor_what_is_no_reading_key() {
    let recorder = asking().await;
    let (_, paul, _, ada) = staffed(&recorder).await;
    let items = ada.get(&recorder, "/v1/keys").await.json()["items"].clone();
    let (reading, state) = (items[0]["id"].clone(), items[1]["id"].clone());
    let ask =
        async |key: &Value| ada.post(&recorder, "/v1/keys/exports", &json!({"key": key, "why": "w"})).await;
    for (key, status, why) in [
        (json!("x"), 400, "16 digits"),
        (json!("00112233aabbccdd"), 404, "no key"),
        (state, 409, "no reading key"),
    ] {
        let refused = ask(&key).await;
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(refused.detail().contains(why), "{}", refused.text());
    }
    let robot = ada.add_key(&recorder, "robot", &json!({"roles": ["administrator"]})).await;
    let wanted = json!({"key": reading, "why": "w"}).to_string();
    let refused = by_key(&recorder, &robot, Method::POST, "/v1/keys/exports", &wanted).await;
    assert!(refused.status == 403 && refused.detail().contains("not a program"), "{}", refused.text());
    assert_eq!(ask(&reading).await.status, 202);
    assert_eq!(paul.post(&recorder, "/v1/approvals/1/refuse", &json!({})).await.status, 200);
    let refused = fetched(&recorder, &ada, WORDS).await;
    assert!(refused.status == 409 && refused.detail().contains("refused"), "{}", refused.text());
    assert_eq!(
        ada.post(&recorder, "/v1/keys/exports/7/file", &json!({"passphrase": WORDS})).await.status,
        404
    );

    let open = Recorder::start().await;
    let key = open.get("/v1/keys").await.json()["items"][0]["id"].clone();
    let refused = open.post("/v1/keys/exports", json!({"key": key, "why": "w"}).to_string()).await;
    assert!(refused.status == 403 && refused.detail().contains("where people log in"), "{}", refused.text());
}

#[tokio::test]
async fn nobody_is_two_by_a_key_that_they_have_had_in_their_hands() {
    let recorder = asking().await;
    let (_, paul, _, ada) = staffed(&recorder).await;
    let roles = json!({"roles": ["administrator", "privacy_officer"]});
    let number = ada.add(&recorder, "eve", &roles).await;
    let eve = log_in(&recorder, "eve").await;
    recorder.seal(1, &Talk::default()).await;
    // The text of a key that somebody else has made.
    ada.add(&recorder, "ida", &json!({"roles": ["administrator"]})).await;
    log_in(&recorder, "ida").await.add_key(&recorder, "robot", &json!({"roles": ["privacy_officer"]})).await;
    let exchanged = eve.post(&recorder, "/v1/api-keys/1/rotate", &json!({})).await;
    assert_eq!(exchanged.status, 200, "{}", exchanged.text());
    let robot = exchanged.json()["key"].as_str().unwrap().to_owned();
    // A key that was made by a key.
    let maker = eve.add_key(&recorder, "maker", &json!({"roles": ["administrator"]})).await;
    let wanted = json!({"name": "made", "roles": ["privacy_officer"]}).to_string();
    let made = by_key(&recorder, &maker, Method::POST, "/v1/api-keys", &wanted).await.json();
    for (place, key) in [robot.as_str(), made["key"].as_str().unwrap()].into_iter().enumerate() {
        let asked = by_key(&recorder, key, Method::POST, "/v1/erasures", &erasure().to_string()).await;
        assert_eq!(asked.status, 202, "{}", asked.text());
        let uri = format!("/v1/approvals/{}/approve", place + 1);
        let own = eve.post(&recorder, &uri, &json!({})).await;
        assert_eq!(own.status, 403, "{place}: {}", own.text());
        assert!(own.detail().contains("a key that you have had"), "{}", own.text());
    }
    assert_eq!(paul.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 200);
    // Who takes a key away has not had it.
    ada.add(&recorder, "max", &roles).await;
    let max = log_in(&recorder, "max").await;
    let gone = max.send(&recorder, Method::DELETE, "/v1/api-keys/3", &Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    let approved = max.post(&recorder, "/v1/approvals/2/approve", &json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text());
    // Nor does a key change what who has it may do.
    let more =
        json!({"roles": ["administrator", "privacy_officer", "compliance"], "active": true}).to_string();
    for (method, body) in [(Method::PUT, more.as_str()), (Method::DELETE, "")] {
        let own = by_key(&recorder, &maker, method, &format!("/v1/users/{number}"), body).await;
        assert_eq!(own.status, 409, "{}", own.text());
        assert!(own.detail().contains("what they themselves may do"), "{}", own.text());
    }
}

/// A key that Eve, an administrator, asks for.
struct Wanted {
    ada: Person,
    eve: Person,
    key: Value,
}

impl Wanted {
    async fn by_eve(recorder: &Recorder, ada: Person) -> Self {
        ada.add(recorder, "eve", &json!({"roles": ["administrator"]})).await;
        let eve = log_in(recorder, "eve").await;
        let key = ada.get(recorder, "/v1/keys").await.json()["items"][0]["id"].clone();
        Self { ada, eve, key }
    }

    /// Eve asks for it; where it is approved.
    async fn ask(&self, recorder: &Recorder) -> String {
        let wanted = json!({"key": self.key, "why": "for the safe"});
        let asked = self.eve.post(recorder, "/v1/keys/exports", &wanted).await;
        assert_eq!(asked.status, 202, "{}", asked.text());
        format!("/v1/approvals/{}", asked.json()["id"])
    }

    /// The number of an account.
    async fn number(&self, recorder: &Recorder, name: &str) -> i64 {
        let users = self.ada.get(recorder, "/v1/users").await.json();
        let mut users = users["items"].as_array().unwrap().iter();
        users.find(|user| user["name"] == name).unwrap()["id"].as_i64().unwrap()
    }
}

/// Somebody sets another's password, and has all it takes to be them.
async fn taken(recorder: &Recorder, by: &Person, (name, number): (&str, i64)) -> Person {
    taken_at(recorder, by, (name, &number.to_string())).await
}

/// That, by a number as it is written in an address.
async fn taken_at(recorder: &Recorder, by: &Person, (name, number): (&str, &str)) -> Person {
    let first = json!({"password": FIRST_PASSWORD});
    let set = by.send(recorder, Method::PUT, &format!("/v1/users/{number}/password"), &first).await;
    assert_eq!(set.status, 204, "{}", set.text());
    let person = log_in_with(recorder, name, FIRST_PASSWORD).await;
    let own = json!({"old": FIRST_PASSWORD, "new": PASSWORD});
    let changed = person.send(recorder, Method::PUT, "/v1/session/password", &own).await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    person
}

#[tokio::test]
async fn nobody_is_two_by_the_account_of_another_that_they_have_had_a_way_into() {
    let recorder = asking().await;
    let (_, _, _, ada) = staffed(&recorder).await;
    ada.add(&recorder, "cora", &json!({"roles": ["compliance"]})).await;
    let cora = log_in(&recorder, "cora").await;
    let wanted = Wanted::by_eve(&recorder, ada).await;
    let (paul_is, pia_is) = (wanted.number(&recorder, "paul").await, wanted.number(&recorder, "pia").await);
    let request = wanted.ask(&recorder).await;
    let refused = async |who: &Person, why: &str| {
        let answer = who.post(&recorder, &format!("{request}/approve"), &json!({})).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.detail().contains(why), "{}", answer.text());
    };
    let paul = taken(&recorder, &wanted.eve, ("paul", paul_is)).await;
    refused(&paul, "Eve, who asked, has made your account or has had a way into it").await;
    // An address says the same number in other characters as well.
    let cleo_is = format!("%3{}", wanted.number(&recorder, "cleo").await);
    let cleo = taken_at(&recorder, &wanted.eve, ("cleo", &cleo_is)).await;
    refused(&cleo, "Eve, who asked").await;
    // By one more account of hers.
    wanted.eve.add(&recorder, "ida", &json!({"roles": ["administrator"]})).await;
    let ida = log_in(&recorder, "ida").await;
    let ended = format!("/v1/users/{pia_is}/second-factor");
    assert_eq!(ida.send(&recorder, Method::DELETE, &ended, &Value::Null).await.status, 204);
    let pia = log_in(&recorder, "pia").await;
    refused(&pia, "Eve, who asked").await;
    // Also one that she has made and taken away since.
    let ida_is = wanted.number(&recorder, "ida").await;
    let gone = wanted.eve.send(&recorder, Method::DELETE, &format!("/v1/users/{ida_is}"), &Value::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    refused(&pia, "Eve, who asked").await;
    // Who makes all accounts has made these two as well: somebody had to.
    let approved = cora.post(&recorder, &format!("{request}/approve"), &json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text());
}

#[tokio::test]
async fn nobody_is_two_by_the_account_of_who_asks_nor_is_a_third_both() {
    let recorder = asking().await;
    let (_, _, _, ada) = staffed(&recorder).await;
    let wanted = Wanted::by_eve(&recorder, ada).await;
    let both = json!({"roles": ["administrator", "compliance"]});
    wanted.ada.add(&recorder, "max", &both).await;
    let max = log_in(&recorder, "max").await;
    let eve_is = wanted.number(&recorder, "eve").await;
    let eve = taken(&recorder, &max, ("eve", eve_is)).await;
    let wanted = Wanted { eve, ..wanted };
    let request = wanted.ask(&recorder).await;
    let answer = max.post(&recorder, &format!("{request}/approve"), &json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.detail().starts_with("You have made the account of eve, who asked"), "{}", answer.text());
    // Max can be Paul, too.
    let paul_is = wanted.number(&recorder, "paul").await;
    let paul = taken(&recorder, &max, ("paul", paul_is)).await;
    let answer = paul.post(&recorder, &format!("{request}/approve"), &json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(
        answer.detail().contains("has made your account and that of eve, who asked"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_key_that_was_approved_is_taken_back_by_who_asked_or_who_approves_until_it_is_fetched() {
    let recorder = asking().await;
    let (_, paul, cleo, ada) = staffed(&recorder).await;
    let wanted = Wanted::by_eve(&recorder, ada).await;
    let approved = async || {
        let request = wanted.ask(&recorder).await;
        let answer = paul.post(&recorder, &format!("{request}/approve"), &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        request
    };
    let export = |request: &str| request.replace("/v1/approvals", "/v1/keys/exports");
    let fetched = async |request: &str, status: u16, why: &str| {
        let words = json!({"passphrase": WORDS});
        let answer = wanted.eve.post(&recorder, &format!("{}/file", export(request)), &words).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(why), "{}", answer.text());
    };
    let take_back = async |who: &Person, request: &str| {
        who.send(&recorder, Method::DELETE, &export(request), &Value::Null).await.status.as_u16()
    };
    // By who asked, also before it is decided.
    let waiting = wanted.ask(&recorder).await;
    assert_eq!((take_back(&wanted.ada, &waiting).await, take_back(&wanted.eve, &waiting).await), (403, 204));
    fetched(&waiting, 409, "refused").await;
    let request = approved().await;
    assert_eq!((take_back(&wanted.ada, &request).await, take_back(&wanted.eve, &request).await), (403, 204));
    fetched(&request, 409, "eve has taken it back").await;
    assert_eq!(take_back(&wanted.eve, &request).await, 409, "once");
    // By who approves.
    let request = approved().await;
    let refused = cleo.post(&recorder, &format!("{request}/refuse"), &json!({})).await;
    let item = refused.json();
    assert_eq!(
        (&item["state"], &item["problem"]),
        (&json!("failed"), &json!("cleo has taken it back")),
        "{item}"
    );
    assert_eq!(cleo.get(&recorder, &request).await.json(), item);
    fetched(&request, 409, "cleo has taken it back").await;
    // What was fetched stays so.
    let request = approved().await;
    fetched(&request, 200, "sidetone-reading-key-sealed").await;
    assert_eq!(take_back(&wanted.eve, &request).await, 409);
    assert_eq!(cleo.post(&recorder, &format!("{request}/refuse"), &json!({})).await.status, 409);
    // Whoever may approve nothing any more has approved nothing that is still to be given.
    let request = approved().await;
    let paul_is = wanted.number(&recorder, "paul").await;
    let gone =
        wanted.ada.send(&recorder, Method::DELETE, &format!("/v1/users/{paul_is}"), &Value::Null).await;
    assert_eq!(gone.status, 204);
    fetched(&request, 409, "who has approved it, may not approve anything any more").await;
    let again = json!({"name": "Paul", "password": FIRST_PASSWORD, "roles": ["auditor"]});
    let again = wanted.ada.post(&recorder, "/v1/users", &again).await;
    assert!(again.status == 409 && again.detail().contains("or had it"), "{}", again.text());
    fetched(&request, 409, "").await;
}

#[tokio::test]
async fn where_nobody_has_to_log_in_a_key_is_approved_by_somebody_who_has_all_the_same() {
    let recorder = asking_with(Policy { login: Login::Open, ..Policy::default() }).await;
    let ada = log_in(&recorder, "ada").await;
    let wanted = Wanted::by_eve(&recorder, ada).await;
    let request = wanted.ask(&recorder).await;
    let answer = recorder.post(&format!("{request}/approve"), "{}").await;
    assert!(answer.status == 403 && answer.detail().contains("logged in"), "{}", answer.text());
}

#[tokio::test]
async fn nobody_erases_most_of_a_recording_alone_a_span_at_a_time() {
    let recorder = asking().await;
    let (pia, ..) = staffed(&recorder).await;
    let id = recorder.seal(1, &Talk { dark_ms: None, ..Talk::default() }).await;
    let uri = format!("/v1/recordings/{id}/redactions");
    let span = |from: u32, to: u32| json!({"from_ms": from, "to_ms": to, "why": "a card", "card_data": true});
    let whole = pia.post(&recorder, &uri, &span(0, 60_000)).await;
    assert_eq!(whole.status, 409, "{}", whole.text());
    assert!(whole.detail().contains("nobody does that alone"), "{}", whole.text());
    // What may be erased alone is refused for another reason here: nothing carries it out in this recorder.
    let some = pia.post(&recorder, &uri, &span(0, 4_000)).await;
    assert!(!some.text().contains("nobody does that alone"), "{}", some.text());
}

#[tokio::test]
async fn where_one_is_enough_by_setting_and_where_nobody_is_asked_it_is_done_at_once() {
    let recorder =
        asking_with(Policy { login: Login::Required, four_eyes: false, ..Policy::default() }).await;
    let (pia, ..) = staffed(&recorder).await;
    recorder.seal(1, &Talk::default()).await;
    let done = pia.post(&recorder, "/v1/erasures", &erasure()).await.json();
    assert_eq!(done["erased"].as_array().map(Vec::len), Some(1), "{done}");
    let open = Recorder::start().await;
    open.seal(1, &Talk::default()).await;
    let mut wanted = erasure();
    wanted["by"] = json!("Robin");
    let done = open.post("/v1/erasures", wanted.to_string()).await.json();
    assert_eq!(done["erased"].as_array().map(Vec::len), Some(1), "{done}");
}
