//! vCons leave signed and encrypted (D4), and are opened by a library we did not write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sim::{Setup, debian, pypi};

use super::{printed, sealed, setup, text};

/// A root, and below it a certificate of this kind: chain, key, root.
fn issued(setup: &Setup, name: &str, kind: &[&str]) -> [PathBuf; 3] {
    let at = |ending: &str| setup.beside(&format!("{name}.{ending}"));
    let openssl = |arguments: &[&str], files: &[(&str, PathBuf)]| {
        let mut openssl = Command::new(debian::program("openssl", "openssl"));
        openssl.args(arguments);
        for (option, file) in files {
            openssl.arg(option).arg(file);
        }
        debian::run(&mut openssl);
    };
    let root = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=root", "-days", "2"];
    openssl(&root, &[("-keyout", at("rootkey")), ("-out", at("root"))]);
    let request = [&["req", "-new", "-nodes", "-subj", "/CN=recorder"], kind].concat();
    openssl(&request, &[("-keyout", at("key")), ("-out", at("request"))]);
    openssl(
        &["x509", "-req", "-days", "2"],
        &[("-in", at("request")), ("-CA", at("root")), ("-CAkey", at("rootkey")), ("-out", at("chain"))],
    );
    [at("chain"), at("key"), at("root")]
}

fn opened(file: &Path, root: &Path, key: Option<&Path>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/program/open_vcon.py");
    let mut python = Command::new(pypi::python("joserfc"));
    python.arg(script).arg(file).arg(root).args(key).output().unwrap()
}

#[test]
fn a_signed_vcon_is_opened_by_an_independent_library_and_a_changed_one_is_not() {
    let setup = setup();
    let program = setup.start();
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "1"]).wait();
    let found = sealed(&program.http, 1);
    let id = text(&found[0]["id"]);
    let plain = program.http.get(&format!("/v1/recordings/{id}/vcon")).ok().json();
    let [analyst, analysts_key, _] = issued(&setup, "analyst", &["-newkey", "rsa:2048"]);
    for (name, kind) in [
        ("rsa", &["-newkey", "rsa:2048"][..]),
        ("p256", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ] {
        let [chain, key, root] = issued(&setup, name, kind);
        let file = setup.beside(&format!("{name}.vcon"));
        let paths = [&chain, &key, &file, &analyst].map(|path| path.display().to_string());
        let signing = ["vcon", id, "--sign", &paths[0], "--sign-key", &paths[1], "-o", &paths[2]];
        printed(&program, &signing);
        let output = opened(&file, &root, None);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), plain);

        let mut changed: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let payload = text(&changed["payload"]).replacen('e', "f", 1);
        changed["payload"] = payload.into();
        fs::write(&file, changed.to_string()).unwrap();
        assert!(!opened(&file, &root, None).status.success(), "{name}");

        printed(&program, &[&signing[..], &["--encrypt-to", &paths[3]]].concat());
        let encrypted = fs::read_to_string(&file).unwrap();
        assert!(encrypted.contains("ciphertext") && !encrypted.contains("parties"), "{name}");
        let output = opened(&file, &root, Some(&analysts_key));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), plain);
        assert!(!opened(&file, &root, Some(&setup.beside("rsa.key"))).status.success(), "another's key");
    }
    // The key of another certificate signs nothing.
    let paths =
        ["rsa.chain", "p256.key", "analyst.chain"].map(|name| setup.beside(name).display().to_string());
    let output = program.run(&["vcon", id, "--sign", &paths[0], "--sign-key", &paths[1]]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("it is not the key of the first certificate"),
        "{said}"
    );
}
