//! Accounts, keys and approvals.

use std::time::Duration;

use access::{Grant, Role, Scope};
use calls::time::Wall;
use index::{
    Account, ApiKey, ApprovalAsked, ApprovalKind, Decision, FormerAccount, KeyHash, RegisterError, STRUCK,
};

use crate::world::World;

fn at(second: i64) -> Wall {
    Wall::from_ms(1_700_000_000_000 + second * 1_000)
}

fn account(name: &str) -> Account {
    Account {
        number: 0,
        name: name.to_owned(),
        password: Some("$argon2id$...".to_owned()),
        external: None,
        factor: 0,
        factor_on: false,
        grant: Grant::new([Role::Supervisor, Role::Agent], Scope::only([3, -1], [7])).expect("a grant"),
        active: true,
        created: at(0),
        created_by: "ada".to_owned(),
        password_set: Some(at(0)),
        password_is_first: true,
        searches: None,
    }
}

fn key(name: &str, handle: &str) -> ApiKey {
    ApiKey {
        number: 0,
        name: name.to_owned(),
        key: KeyHash { handle: handle.to_owned(), salt: [1; 16], hash: [2; 32] },
        old: None,
        certificate: Some("crm.example.com".to_owned()),
        grant: Grant::new([Role::Integration], Scope::All).expect("a grant"),
        created: at(0),
        created_by: "ada".to_owned(),
        lasts: Duration::from_secs(90),
        expires: Some(at(90)),
        revoked: None,
    }
}

#[tokio::test]
async fn an_account_is_read_as_it_was_written_also_after_a_restart() {
    let world = World::new().await;
    let register = world.index.register();
    let mut sam = account("Sam");
    sam.number = register.add_account(&sam, true).await.unwrap();
    let mut tess = Account {
        external: Some(("https://id.example.com".into(), "t-1".into())),
        password: None,
        ..account("tess")
    };
    tess.number = register.add_account(&tess, false).await.unwrap();
    assert!(matches!(register.add_account(&account("sAM"), false).await, Err(RegisterError::NameTaken)));
    assert!(matches!(register.add_account(&account("first"), true).await, Err(RegisterError::NotFirst)));
    (sam.factor, sam.factor_on, sam.active) = (2, true, false);
    sam.password_is_first = false;
    sam.searches = Some("[]".to_owned());
    sam.grant = Grant::new([Role::Compliance], Scope::All).unwrap();
    assert!(register.change_account(&sam).await.unwrap());
    let world = world.reopened().await;
    assert_eq!(world.index.register().accounts().await.unwrap(), [sam.clone(), tess.clone()]);
    assert!(world.index.register().remove_account(sam.number).await.unwrap());
    assert!(!world.index.register().remove_account(sam.number).await.unwrap());
    assert_eq!(world.index.register().accounts().await.unwrap(), [tess]);
    // Approvals know people by name: it stays its own.
    let register = world.index.register();
    assert!(matches!(register.add_account(&account("SAM"), false).await, Err(RegisterError::NameTaken)));
    let former = FormerAccount {
        number: Some(sam.number),
        name: sam.name,
        created: Some(sam.created),
        created_by: Some(sam.created_by),
    };
    assert_eq!(register.former_accounts().await.unwrap(), [former]);
}

#[tokio::test]
async fn what_was_approved_is_taken_back_or_given_and_never_both() {
    let world = World::new().await;
    let register = world.index.register();
    let asked = ApprovalAsked {
        kind: ApprovalKind::KeyExport,
        what: r#"{"key":"00112233aabbccdd"}"#.to_owned(),
        by: "ada".to_owned(),
        asker: "person ada".to_owned(),
        why: "w".to_owned(),
        source: "192.0.2.7".to_owned(),
        at: at(0),
        expires: at(60),
    };
    let yes = Decision { approved: true, by: "paul".into(), source: "192.0.2.8".into(), at: at(1) };
    for given_first in [true, false] {
        let number = register.ask_approval(&asked).await.unwrap().number;
        assert_eq!(register.take_back_approved(number, "ada", at(1)).await.unwrap(), None, "it waits");
        assert!(register.decide_approval(number, &yes).await.unwrap().is_some());
        register.carried_out(number, &Ok(())).await.unwrap();
        if given_first {
            assert!(register.give_approved(number, at(2)).await.unwrap());
        }
        let taken = register.take_back_approved(number, "ada", at(3)).await.unwrap();
        assert_eq!(taken.is_some(), !given_first);
        assert_eq!(register.take_back_approved(number, "eve", at(3)).await.unwrap(), None);
        assert!(!register.give_approved(number, at(4)).await.unwrap());
        let outcome = register.approval(number).await.unwrap().unwrap().outcome.unwrap();
        let why = (!given_first).then(|| "ada has taken it back".to_owned());
        assert_eq!(taken.and_then(|approval| approval.outcome?.err()), why);
        assert_eq!(outcome.err(), why);
    }
}

#[tokio::test]
async fn a_code_of_the_second_factor_is_used_up_also_over_a_restart() {
    let world = World::new().await;
    let number = world.index.register().add_account(&account("Sam"), true).await.unwrap();
    assert!(world.index.register().use_factor_step(number, 100).await.unwrap());
    let world = world.reopened().await;
    let register = world.index.register();
    assert!(!register.use_factor_step(number, 100).await.unwrap());
    assert!(!register.use_factor_step(number, 99).await.unwrap(), "an older one");
    assert!(register.use_factor_step(number, 101).await.unwrap());
    assert!(!register.use_factor_step(number + 1, 101).await.unwrap(), "nobody's");
}

#[tokio::test]
async fn a_key_is_exchanged_and_taken_back_and_its_name_stays_its_own() {
    let world = World::new().await;
    let register = world.index.register();
    let mut crm = key("crm", "0123456789");
    crm.number = register.add_api_key(&crm).await.unwrap();
    assert!(matches!(register.add_api_key(&key("CRM", "aaaaaaaaaa")).await, Err(RegisterError::NameTaken)));
    let old = std::mem::replace(
        &mut crm.key,
        KeyHash { handle: "9876543210".into(), salt: [3; 16], hash: [4; 32] },
    );
    crm.old = Some((old, at(60)));
    crm.certificate = Some("sha256:00".to_owned());
    crm.revoked = Some((at(70), "ada".into()));
    assert!(register.change_api_key(&crm).await.unwrap());
    assert_eq!(world.reopened().await.index.register().api_keys().await.unwrap(), [crm]);
}

/// The first page.
const FIRST: (Option<i64>, u32) = (None, 500);

#[tokio::test]
async fn what_is_asked_for_is_decided_once_and_in_time() {
    let world = World::new().await;
    let register = world.index.register();
    let asked = |second| ApprovalAsked {
        kind: ApprovalKind::Erasure,
        what: r#"{"number":"+15550100"}"#.to_owned(),
        by: "pia".to_owned(),
        asker: "person pia".to_owned(),
        why: "GDPR 17".to_owned(),
        source: "192.0.2.7".to_owned(),
        at: at(second),
        expires: at(second).after(Duration::from_secs(60)),
    };
    let decision = |second, approved| Decision {
        approved,
        by: "paul".into(),
        source: "192.0.2.8".into(),
        at: at(second),
    };
    let one = register.ask_approval(&asked(0)).await.unwrap();
    let two = register.ask_approval(&asked(10)).await.unwrap();
    assert_eq!(register.approvals(Some(at(20)), FIRST).await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(register.decide_approval(one.number, &decision(60, true)).await.unwrap(), None, "too late");
    let refused = register.decide_approval(two.number, &decision(61, false)).await.unwrap();
    assert_eq!(refused, register.approval(two.number).await.unwrap(), "as it stands then");
    assert_eq!(refused.unwrap().asked.what, STRUCK);
    assert_eq!(register.decide_approval(two.number, &decision(62, true)).await.unwrap(), None, "decided");
    assert_eq!(register.approvals(Some(at(61)), FIRST).await.unwrap(), []);
    let world = world.reopened().await;
    let again = world.index.register();
    let all = again.approvals(None, FIRST).await.unwrap();
    assert_eq!(
        all.iter().map(|approval| approval.decision.clone()).collect::<Vec<_>>(),
        [Some(decision(61, false)), None]
    );
    assert_eq!(all[0].asked.what, STRUCK, "it was refused");
    assert_eq!(again.approvals(None, (None, 1)).await.unwrap()[0].number, two.number);
    assert_eq!(again.approvals(None, (Some(two.number), 5)).await.unwrap(), std::slice::from_ref(&one));
    again.strike_expired(at(59)).await.unwrap();
    assert_eq!(again.approval(one.number).await.unwrap().unwrap().asked.what, one.asked.what);
    again.strike_expired(at(60)).await.unwrap();
    assert_eq!(again.approval(one.number).await.unwrap().unwrap().asked.what, STRUCK);
}

#[tokio::test]
async fn what_was_approved_says_what_came_of_it_and_forgets_whom_an_erasure_was_about() {
    let world = World::new().await;
    let register = world.index.register();
    let mut approved = Vec::new();
    for kind in [ApprovalKind::Erasure, ApprovalKind::HoldRelease, ApprovalKind::Erasure] {
        let asked = ApprovalAsked {
            kind,
            what: r#"{"id":"7"}"#.to_owned(),
            by: "pia".to_owned(),
            asker: "person pia".to_owned(),
            why: "GDPR 17".to_owned(),
            source: "192.0.2.7".to_owned(),
            at: at(0),
            expires: at(60),
        };
        let number = register.ask_approval(&asked).await.unwrap().number;
        let decision = Decision { approved: true, by: "paul".into(), source: "192.0.2.8".into(), at: at(1) };
        let decided = register.decide_approval(number, &decision).await.unwrap().unwrap();
        assert_eq!((decided.decision, decided.asked), (Some(decision), asked), "it is still to be done");
        approved.push(number);
    }
    let of = async |number| register.approval(number).await.unwrap().unwrap();
    assert_eq!(
        (of(approved[0]).await.outcome, of(approved[0]).await.asked.what),
        (None, r#"{"id":"7"}"#.into())
    );
    let held = Err("legal hold 3 keeps it".to_owned());
    let done = register.carried_out(approved[0], &held).await.unwrap();
    assert_eq!(
        done.as_ref().map(|done| (&done.outcome, &*done.asked.what)),
        Some((&Some(held.clone()), STRUCK))
    );
    assert_eq!(register.carried_out(approved[0], &Ok(())).await.unwrap(), done);
    assert_eq!(register.carried_out(99, &Ok(())).await.unwrap(), None);
    assert_eq!(of(approved[0]).await.outcome, Some(held), "it is said once");
    assert_eq!(of(approved[0]).await.asked.what, STRUCK);
    register.carried_out(approved[1], &Ok(())).await.unwrap();
    assert_eq!(
        (of(approved[1]).await.outcome, of(approved[1]).await.asked.what),
        (Some(Ok(())), r#"{"id":"7"}"#.into())
    );
    register.fail_unfinished("the recorder ended").await.unwrap();
    assert_eq!(of(approved[2]).await.outcome, Some(Err("the recorder ended".to_owned())));
    assert_eq!(of(approved[2]).await.asked.what, STRUCK);
    assert_eq!(of(approved[1]).await.outcome, Some(Ok(())));
}
