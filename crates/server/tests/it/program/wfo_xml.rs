//! The XML face on the built program: typed with nc and curl as the reference has it, with a real call up, and attacked.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use sim::time::wait_for;
use sim::{Program, Setup, debian};

use super::people::{PASSWORD, admin_key, key, sidetone};
use super::tls::Authority;
use super::{PATIENCE, agent, bare_setup, metric, on_a_recorded_call, printed, sealed, setup, text};

const AGENTS: &str = "id,phone,username,system_username,crm_username,name,business_unit,device_alias,station\n\
                      1,4678,rpike,CORP\\rpike,rowan,Rowan Pike,0,acd-77,WS-17\n\
                      2,,wito,CORP\\wito,wren,Wren Ito,0,,\n\
                      3,5003,mlind,LAB\\rpike,maja,Maja Lind,0,acd-78,WS-18\n\
                      4,5004,kmoe,,,Kim Moe,0,acd-78,WS-18\n";

/// A recorder that hears XML, with four agents.
pub(super) fn with_xml(setup: Setup) -> Setup {
    let agents = setup.write("named.csv", AGENTS.as_bytes()).display().to_string();
    let nowhere = "127.0.0.1:0";
    [
        ["--agents", agents.as_str()],
        ["--wfo-xml", nowhere],
        ["--wfo-xml-events", nowhere],
        ["--wfo-xml-web", nowhere],
    ]
    .into_iter()
    .flatten()
    .fold(setup, Setup::argument)
}

fn start() -> Program {
    with_xml(bare_setup()).start()
}

fn port(program: &Program) -> SocketAddr {
    program.address("WFO XML ")
}

/// Types messages with nc; what comes back until the connection is closed.
fn nc(to: SocketAddr, typed: &str) -> String {
    let mut command = Command::new(debian::program("nc", "netcat-openbsd"));
    // It closes its side at the end of what is typed, and goes when the other side has closed too.
    command.args(["-N", "-w", "20", &to.ip().to_string(), &to.port().to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run");
    child.stdin.take().expect("it is piped").write_all(typed.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it is our child");
    assert!(output.status.success(), "nc: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Asks the web face with curl: the body of an answer of status 200.
fn curl(program: &Program, path: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(debian::program("curl", "curl"));
    command.args(["--silent", "--show-error", "--fail", "--max-time", "20"]).args(arguments);
    debian::run(command.arg(format!("http://{}{path}", program.address("web http://"))))
}

/// A request with these parameters.
fn request(kind: &str, parameters: &[(&str, &str)]) -> String {
    let rest: String = parameters.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
    format!("<REQUEST><TYPE>{kind}</TYPE><REQUESTID>9</REQUESTID>{rest}</REQUEST>\r\n")
}

/// Sends one request by a connection of its own, and gives the answer.
pub(super) fn ask(program: &Program, kind: &str, parameters: &[(&str, &str)]) -> String {
    ask_raw(program, request(kind, parameters).as_bytes())
}

fn ask_raw(program: &Program, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(port(program)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.write_all(bytes).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and its end");
    answer
}

/// The text of the first such element; nothing if there is none.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let inner = xml.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
    inner.and_then(|rest| rest.split_once(&format!("</{name}>"))).map_or("", |(text, _)| text)
}

fn code(xml: &str) -> u16 {
    element(xml, "RESULTCODE").parse().unwrap_or_else(|_| panic!("no code in {xml:?}"))
}

#[track_caller]
pub(super) fn is_done(answer: &str) {
    assert!(matches!(code(answer), 0 | 13 | 20), "{answer}");
}

#[test]
fn the_documented_examples_give_the_documented_answers_while_a_call_is_up() {
    let program = start();
    let typed = "<REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID></REQUEST>\r\n";
    assert_eq!(
        nc(port(&program), typed),
        "<RESULT><REQUESTID>1</REQUESTID><REQUESTTYPE>TEST</REQUESTTYPE><RESULTTYPE>API_OK</RESULTTYPE>\
         <RESULTCODE>20</RESULTCODE><RESULTMSG>API_OK</RESULTMSG></RESULT>\r\n"
    );
    // As the overview prints it, on several lines.
    let lines = "<REQUEST>\r\n<TYPE>TEST</TYPE>\r\n<REQUESTID>1</REQUESTID>\r\n</REQUEST>\r\n";
    assert_eq!(nc(port(&program), lines), nc(port(&program), typed));

    let example = "/webAPI.aspx?type=callupdate&requestid=18213567&deviceid=200&user1=SpecialCall&user2=10121968&keepdays=3650";
    let unknown = curl(&program, example, &[]);
    assert_eq!((element(&unknown, "RESULTTYPE"), code(&unknown)), ("ERROR", 8), "{unknown}");
    let call = program.call(&["--agent-phone", "200", "--seconds", "3"]);
    let answer = wait_for("the call is known", PATIENCE, || {
        let answer = curl(&program, example, &[]);
        (code(&answer) == 20).then_some(answer)
    });
    assert_eq!(
        answer,
        "<RESULT><REQUESTID>18213567</REQUESTID><REQUESTTYPE>CALLUPDATE</REQUESTTYPE><RESULTTYPE>API_OK</RESULTTYPE>\
         <RESULTCODE>20</RESULTCODE><RESULTMSG>API_OK</RESULTMSG></RESULT>\r\n"
    );
    // Seen in real traffic: another case of the path, and a POST without a body.
    for arguments in
        [&["-X", "POST", "-d", ""][..], &["-X", "GET"], &["-X", "POST", "-H", "Content-Length: 0"]]
    {
        is_done(&curl(&program, &example.replace("webAPI", "Webapi"), arguments));
    }
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    let field = |name: &str| text(&found["fields"][name]).to_owned();
    assert_eq!([field("user1"), field("user2"), field("keepdays")], ["SpecialCall", "10121968", "3650"]);
}

#[test]
fn the_users_are_listed_in_the_shape_that_was_captured() {
    let program = start();
    let users = curl(&program, "/Webapi.aspx?type=importuser&requestid=5&action=list", &["-d", ""]);
    assert_eq!((element(&users, "REQUESTTYPE"), element(&users, "COUNT")), ("IMPORTUSER", "4"));
    let names: Vec<&str> =
        element(&users, "USER").split('<').filter_map(|it| it.split_once('>')).map(|it| it.0).collect();
    let opened: Vec<&str> = names.into_iter().filter(|name| !name.starts_with('/')).collect();
    assert_eq!(
        opened,
        [
            "USER_ID",
            "USERNAME",
            "EMPLOYEE_ID",
            "FIRST_NAME",
            "LAST_NAME",
            "AGENT",
            "STATUS",
            "ADD_TIME",
            "MOD_TIME",
            "SYS_USER",
            "SYS_DOMAIN",
            "EMAIL",
            "CRM_USER",
            "SITE_ID",
            "PHONES"
        ]
    );
    assert_eq!(
        ["SYS_USER", "SYS_DOMAIN", "PHONES"].map(|name| element(&users, name)),
        ["rpike", "CORP", "4678"]
    );
    assert!(users.trim_end().ends_with("</USERS></RESULT>"), "{users}");
}

#[test]
fn users_are_added_and_changed_and_nobody_gets_a_name_that_another_has() {
    let program = start();
    let import = |rest: &[(&str, &str)]| ask(&program, "IMPORTUSER", rest);
    let new =
        [("ACTION", "Add"), ("USER_ID", "7"), ("USERNAME", "new"), ("FIRST_NAME", "Ann"), ("PHONES", "5007")];
    assert_eq!(element(&import(&new), "FIRST_NAME"), "Ann");
    assert_eq!(code(&import(&new)), 22, "the number is taken");
    let change = import(&[
        ("ACTION", "update"),
        ("USERNAME", "new"),
        ("LAST_NAME", "Lee"),
        ("SYS_USER", "ann"),
        ("SYS_DOMAIN", "CORP"),
    ]);
    assert_eq!(
        ["FIRST_NAME", "LAST_NAME", "PHONES"].map(|name| element(&change, name)),
        ["Ann", "Lee", "5007"]
    );
    is_done(&import(&[
        ("ACTION", "import"),
        ("USER_ID", "7"),
        ("DEVICEALIAS", "acd-90"),
        ("STATIONNAME", "WS-90"),
    ]));
    is_done(&ask(&program, "BLACKOUTSTART", &[("DEVICEALIAS", "acd-90")]));
    assert_eq!(agent(&program.http, "5007")["BlackoutActive"], true);
    let listed = printed(&program, &["agents", "list"]);
    assert!(listed.contains("Ann Lee"), "{listed}");
    let faults: [(&[(&str, &str)], u16); 10] = [
        (&[], 26),
        (&[("ACTION", "")], 26),
        (&[("ACTION", "delete"), ("USER_ID", "1")], 21),
        (&[("ACTION", "update"), ("USER_ID", "99"), ("PHONES", "1")], 28),
        (&[("ACTION", "import"), ("USERNAME", "nobody")], 28),
        (&[("ACTION", "add"), ("PHONES", "1")], 26),
        (&[("ACTION", "add"), ("USER_ID", "4294967296")], 16),
        (&[("ACTION", "add"), ("USER_ID", "-1")], 16),
        (&[("ACTION", "add"), ("USER_ID", "8"), ("PHONES", "4678")], 22),
        (&[("ACTION", "add"), ("USER_ID", "8"), ("PHONES", "1,2")], 16),
    ];
    for (parameters, expected) in faults {
        assert_eq!(code(&import(parameters)), expected, "{parameters:?}");
    }
    let long = "x".repeat(257);
    assert_eq!(code(&import(&[("ACTION", "add"), ("USER_ID", "8"), ("USERNAME", &long)])), 16);
    assert!(!printed(&program, &["agents", "list"]).contains("\n8 "), "nothing of it was done");
}

#[test]
fn where_a_login_is_asked_for_who_commands_does_not_manage_agents_by_any_port() {
    let program = start();
    let url = program.http.url("");
    let (made, said) = sidetone(&url, None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(made, "{said}");
    let admin = admin_key(&program);
    let add = ["api-keys", "add", "crm", "--role", "integration"];
    let crm = key(&sidetone(&url, Some(&admin), &add, "").1);
    let ask_web = |key: &str, query: &str| {
        let login = format!("Authorization: Bearer {key}");
        curl(&program, &format!("/webAPI.aspx?requestid=1&{query}"), &["-H", &login])
    };
    for action in ["add", "Update", "IMPORT"] {
        let query = format!("type=importuser&action={action}&user_id=9&username=mine&phones=5009");
        let refused = ask_web(&crm, &query);
        assert_eq!(code(&refused), 21, "{action}: {refused}");
        assert!(element(&refused, "RESULTMSG").contains("for the role administrator"), "{refused}");
        let sent = [("ACTION", action), ("USER_ID", "9"), ("USERNAME", "mine"), ("PHONES", "5009")];
        assert_eq!(code(&ask(&program, "IMPORTUSER", &sent)), 21, "{action}");
    }
    let listed = ask_web(&crm, "type=importuser&action=list");
    assert_eq!((code(&listed), element(&listed, "COUNT")), (20, "4"), "nothing of it was done: {listed}");
    is_done(&ask_web(&crm, "type=blackoutstart&agentid=1"));
    is_done(&ask(&program, "BLACKOUTSTOP", &[("AGENTID", "1")]));
    is_done(&ask(&program, "CALLLIST", &[]));

    let by_admin = "type=importuser&action=add&user_id=9&username=mine&phones=5009";
    is_done(&ask_web(&admin, by_admin));
    assert_eq!(
        code(&ask_web(&admin, "type=blackoutstart&agentid=1")),
        21,
        "an administrator commands nobody"
    );
    assert_eq!(code(&ask_web(&admin, "type=calllist")), 21);
}

#[test]
fn a_call_that_is_reported_before_its_media_and_stopped_by_report_is_found_with_what_was_said() {
    let program = start();
    let instance = ("CALLINSTANCE", "pbx-7");
    let device = ("DEVICEID", "4678");
    let started =
        ask(&program, "CALLSTART", &[device, instance, ("ANI", "+15550100"), ("USER1", "a &amp; b")]);
    assert_eq!((code(&started), element(&started, "CALLINSTANCE")), (20, "pbx-7"));
    let listed = ask(&program, "CALLLIST", &[]);
    assert_eq!(
        (element(&listed, "RECORDINGSTATE"), element(&listed, "USER1")),
        ("Pending", "a &amp; b"),
        "{listed}"
    );
    let call = program.call(&["--agent-phone", "4678", "--seconds", "20"]);
    on_a_recorded_call(&program.http, "4678");
    let again = ask(&program, "CALLSTART", &[device, instance]);
    is_done(&again);
    assert_eq!(code(&ask(&program, "RECORDSTART", &[device])), 1, "it is being recorded");
    is_done(&ask(
        &program,
        "CALLUPDATE",
        &[("STATIONNAME", "WS-17"), instance, ("user15", "x"), ("KEEPDAYS", "30")],
    ));
    assert_eq!(code(&ask(&program, "CALLUPDATE", &[device, ("CALLINSTANCE", "pbx-8"), ("USER2", "y")])), 7);
    is_done(&ask(&program, "CALLSTOP", &[("SYS_USER", "CORP\\rpike"), instance]));
    is_done(&ask(&program, "CALLSTOP", &[device, instance]));
    let found = sealed(&program.http, 1).remove(0);
    let field = |name: &str| text(&found["fields"][name]).to_owned();
    assert_eq!(
        [field("user1"), field("user15"), field("keepdays"), field("ani")],
        ["a & b", "x", "30", "+15550100"]
    );
    assert_eq!(text(&found["device"]), "4678");
    drop(call);
}

#[test]
fn a_recording_is_started_and_stopped_while_the_call_goes_on() {
    let program = start();
    let call = program.call(&["--agent-phone", "4678", "--seconds", "20"]);
    on_a_recorded_call(&program.http, "4678");
    let by_alias = [("DEVICEALIAS", "acd-77")];
    let stopped = ask(&program, "RECORDSTOP", &by_alias);
    assert_eq!((code(&stopped), element(&stopped, "RESULTTYPE")), (13, "API_RECORDING_STOPPED"));
    assert_eq!(code(&ask(&program, "RECORDSTOP", &by_alias)), 12);
    let started = ask(&program, "RECORDSTART", &by_alias);
    assert_eq!((code(&started), element(&started, "RESULTTYPE")), (0, "API_RECORDING_STARTED"));
    assert!(!element(&started, "RECORDINGIDENTIFIER").is_empty());
    assert_eq!(agent(&program.http, "4678")["ActiveCall"]["CallState"], "OnCall");
    is_done(&ask(&program, "RECORDSTOP", &by_alias));
    sealed(&program.http, 2);
    drop(call);
}

#[test]
fn a_chat_is_kept_beside_the_calls_and_does_not_take_their_media() {
    let program = start();
    let [device, instance] = [("DEVICEID", "4678"), ("CALLINSTANCE", "chat-1")];
    is_done(&ask(&program, "CHATSTART", &[device, instance, ("USER1", "asks for a refund")]));
    is_done(&ask(&program, "CHATUPDATE", &[device, ("KEEPDAYS", "5")]));
    let live = program.http.get("/v1/calls?state=live").ok().json();
    let chat = &live["items"][0];
    assert_eq!((text(&chat["origin"]), text(&chat["fields"]["keepdays"])), ("chat", "5"), "{live}");
    let call = program.call(&["--agent-phone", "4678", "--seconds", "1"]);
    let seen = on_a_recorded_call(&program.http, "4678");
    assert_eq!(seen["ActiveCall"]["Metadata"]["user1"], "");
    call.wait();
    is_done(&ask(&program, "CHATSTOP", &[device, instance]));
    let found = sealed(&program.http, 1).remove(0);
    assert!(found["fields"].get("user1").is_none_or(|value| value == ""), "{found}");
    assert_eq!(code(&ask(&program, "CHATUPDATE", &[("DEVICEID", "5003"), ("USER1", "x")])), 7);
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let program = start();
    is_done(&ask(&program, "CALLSTART", &[("DEVICEID", "999"), ("CALLINSTANCE", "i"), ("USER3", "kept")]));
    is_done(&ask(&program, "CALLSTART", &[("DEVICEID", "4678"), ("STATIONNAME", "NEW")]));
    is_done(&ask(&program, "CHATSTART", &[("DEVICEID", "4678"), ("USER2", "chat")]));
    is_done(&ask(&program, "BLACKOUTSTART", &[("COMPUTERNAME", "NEW")]));
    let setup = program.setup.clone();
    program.kill();
    let program = setup.start();
    let listed = ask(&program, "CALLLIST", &[("DEVICEID", "999")]);
    assert_eq!(["CALLINSTANCE", "USER3"].map(|name| element(&listed, name)), ["i", "kept"], "{listed}");
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], true);
    is_done(&ask(&program, "CHATUPDATE", &[("STATIONNAME", "NEW"), ("USER2", "on")]));
    is_done(&ask(&program, "BLACKOUTSTOP", &[("STATIONNAME", "NEW")]));
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], false);
    assert_eq!(code(&ask(&program, "BLACKOUTSTART", &[("STATIONNAME", "WS-17")])), 8, "4678 has another now");
}

/// Commands that name whom they are for, each with what makes it whole otherwise.
const FOR_SOMEBODY: [(&str, &[(&str, &str)]); 10] = [
    ("CALLSTART", &[]),
    ("CALLUPDATE", &[("USER1", "x")]),
    ("CALLSTOP", &[]),
    ("CHATSTART", &[]),
    ("CHATUPDATE", &[("USER1", "x")]),
    ("CHATSTOP", &[]),
    ("RECORDSTART", &[]),
    ("RECORDSTOP", &[]),
    ("BLACKOUTSTART", &[]),
    ("BLACKOUTSTOP", &[]),
];

#[test]
fn each_command_answers_bad_names_with_the_code_for_it_and_changes_nothing() {
    let program = start();
    let long = "9".repeat(513);
    for (kind, rest) in FOR_SOMEBODY {
        let names: [(&[(&str, &str)], u16); 12] = [
            (&[], 26),
            (&[("DEVICEID", ""), ("AGENTID", "  ")], 26),
            (&[("DEVICEALIAS", "")], 5),
            (&[("DEVICEALIAS", "nobody")], 8),
            (&[("DEVICEALIAS", "acd-78")], 22),
            (&[("STATIONNAME", "NOWHERE")], 8),
            (&[("STATIONNAME", "WS-18")], 22),
            (&[("SYS_USER", "nobody")], 24),
            (&[("SYS_USER", "rpike")], 22),
            (&[("CRM_USER", "ROWAN")], 24),
            (&[("AGENTID", "x1")], 24),
            (&[("DEVICEID", &long)], 16),
        ];
        for (name, expected) in names {
            let answer = ask(&program, kind, &[name, rest].concat());
            assert_eq!(code(&answer), expected, "{kind} {name:?}: {answer}");
            assert_eq!(element(&answer, "RESULTTYPE"), "ERROR");
            assert!(element(&answer, "RESULTMSG").contains(": "), "{answer}");
        }
        let twice = ask(&program, kind, &[&[("DEVICEID", "1"), ("deviceid", "1")][..], rest].concat());
        assert_eq!(code(&twice), 16, "{kind}: {twice}");
        let nested = format!(
            "<REQUEST><TYPE>{kind}</TYPE><REQUESTID>1</REQUESTID><DEVICEID><A>1</A></DEVICEID></REQUEST>\r\n"
        );
        assert_eq!(code(&ask_raw(&program, nested.as_bytes())), 16, "{kind}");
        assert_eq!(code(&ask(&program, &kind.to_lowercase(), &[])), 26, "the case of {kind} does not matter");
    }
    assert_eq!(element(&ask(&program, "CALLLIST", &[]), "COUNT"), "0");
    assert_eq!(metric(&program.http, "sidetone_blackouts"), 0);
}

#[test]
fn each_command_that_needs_a_call_says_so_and_bad_values_are_named_and_not_repeated() {
    let program = start();
    for (kind, rest) in FOR_SOMEBODY {
        let expected = match kind {
            "CALLSTART" | "CHATSTART" | "RECORDSTART" | "BLACKOUTSTART" | "BLACKOUTSTOP" => continue,
            _ => [7, 25],
        };
        let of = |name| code(&ask(&program, kind, &[&[name][..], rest].concat()));
        assert_eq!([of(("DEVICEID", "4678")), of(("AGENTID", "2"))], expected, "{kind}");
    }
    let device = ("DEVICEID", "4678");
    assert_eq!(code(&ask(&program, "CALLUPDATE", &[device])), 26, "nothing to write");
    assert_eq!(code(&ask(&program, "CALLUPDATE", &[device, ("ANI", "")])), 26);
    let long = "4111".repeat(1_100);
    let values = [
        ("KEEPDAYS", "4111 days"),
        ("KEEPDAYS", "41111111111"),
        ("ARCHIVEACTION", "-4111"),
        ("CALLDIRECTION", "4111"),
        ("USER1", long.as_str()),
    ];
    for (name, value) in values {
        for kind in ["CALLSTART", "CALLUPDATE", "CALLSTOP", "CHATSTART", "CHATUPDATE", "RECORDSTART"] {
            let answer = ask(&program, kind, &[device, (name, value)]);
            assert_eq!(code(&answer), 16, "{kind} {name}: {answer}");
            let named = element(&answer, "RESULTMSG").to_uppercase();
            assert!(named.contains(name) && !named.contains("4111"), "{answer}");
        }
    }
    for count in ["0", "-1", "1001", "ten", "18446744073709551617", "1.5"] {
        assert_eq!(code(&ask(&program, "CALLLIST", &[("CALLCOUNT", count)])), 16, "{count}");
    }
    assert_eq!(element(&ask(&program, "CALLLIST", &[]), "COUNT"), "0");
}

#[test]
fn what_is_no_request_is_answered_16_14_15_or_10_and_the_next_is_read() {
    let program = start();
    let head = "<REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID>";
    let whole = [
        ("<REQUEST/>".to_owned(), 14),
        ("<REQUEST><REQUESTID>1</REQUESTID></REQUEST>".to_owned(), 15),
        ("<REQUEST><TYPE> </TYPE><REQUESTID>1</REQUESTID></REQUEST>".to_owned(), 15),
        ("<REQUEST><TYPE>CALLPAUSE</TYPE><REQUESTID>1</REQUESTID></REQUEST>".to_owned(), 10),
        ("<REQUEST><TYPE>EVENTREGISTER</TYPE><REQUESTID>1</REQUESTID></REQUEST>".to_owned(), 10),
        ("<REQUEST><TYPE>TEST</TYPE><REQUESTID>99999999999999999999</REQUESTID></REQUEST>".to_owned(), 14),
        ("<REQUEST><TYPE>TEST</TYPE><REQUESTID></REQUESTID></REQUEST>".to_owned(), 14),
        ("<TEST><REQUESTID>1</REQUESTID></TEST>".to_owned(), 16),
        ("<REQUEST><TYPE>TEST</REQUEST>".to_owned(), 16),
        (format!("{head}text</REQUEST>"), 16),
        (format!("{head}<A>&b;</A></REQUEST>"), 16),
        (format!("{head}<A>&#1;</A></REQUEST>"), 16),
        (format!("{head}<A>\u{8}</A></REQUEST>"), 16),
        (format!("{head}<A>\u{0}</A></REQUEST>"), 16),
        (format!("{head}{}</REQUEST>", "<a>".repeat(5_000)), 16),
        (format!("{head}{}</REQUEST>", (0..500).map(|n| format!("<a{n}/>")).collect::<String>()), 16),
        (format!("{head}<type>TEST</type></REQUEST>"), 16),
    ];
    let all: String = whole.iter().map(|(text, _)| format!("{text}\r\n")).collect();
    let answers = ask_raw(&program, format!("{all}{}", request("TEST", &[])).as_bytes());
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), whole.len() + 1, "{answers}");
    for ((text, expected), line) in whole.iter().zip(&lines) {
        assert_eq!(code(line), *expected, "{}: {line}", &text[..text.len().min(200)]);
    }
    assert_eq!((code(lines[whole.len()]), element(lines[whole.len()], "REQUESTID")), (20, "9"));

    // These end the connection: what follows is not obeyed.
    let broken: [&[u8]; 6] = [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;\">]><REQUEST><TYPE>&c;</TYPE></REQUEST>\r\n",
        b"<!DOCTYPE a SYSTEM \"file:///etc/passwd\">\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"{\"TYPE\":\"TEST\"}\r\n",
        &[b'<'; 70_000],
    ];
    for bytes in broken {
        let answers = ask_raw(&program, &[bytes, request("TEST", &[]).as_bytes()].concat());
        assert_eq!((answers.lines().count(), code(&answers)), (1, 16), "{answers}");
    }
    assert_eq!(metric(&program.http, "sidetone_wfo_xml_connections_total{fate=\"broken\"}"), 6);
}

#[test]
fn messages_come_whole_however_they_are_parted() {
    let program = start();
    let message = request(
        "CALLSTART",
        &[("DEVICEID", "4678"), ("CALLINSTANCE", "i"), ("USER1", "<![CDATA[</REQUEST>]]>")],
    );
    let mut stream = TcpStream::connect(port(&program)).expect("it listens");
    stream.set_nodelay(true).expect("it is a socket");
    for byte in message.as_bytes() {
        stream.write_all(&[*byte]).expect("it reads");
    }
    let mut line = [0; 4_096];
    let count = stream.read(&mut line).expect("an answer");
    is_done(&String::from_utf8_lossy(&line[..count]));
    // The connection goes on; two and a half messages in one piece.
    let test = request("TEST", &[]);
    stream.write_all(format!("{test}{test}{}", &test[..30]).as_bytes()).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("answers, and their end");
    let codes: Vec<u16> = rest.lines().map(code).collect();
    assert_eq!(codes, [20, 20, 16], "{rest}");
    assert!(rest.contains("closed before the message was whole"), "{rest}");
    let listed = ask(&program, "CALLLIST", &[("CALLCOUNT", "1")]);
    assert_eq!(element(&listed, "USER1"), "&lt;/REQUEST&gt;");
}

#[test]
fn the_web_face_answers_errors_with_200_and_keeps_foreign_pages_out() {
    let program = start();
    let faults = [
        ("/webapi.aspx", 14),
        ("/webAPI.aspx?requestid=1", 15),
        ("/webAPI.aspx?type=x&requestid=1", 10),
        ("/webAPI.aspx?type=callstop&requestid=1", 26),
        ("/webAPI.aspx?type=callstop&requestid=1&deviceid=4678", 7),
        ("/webAPI.aspx?type=callstop&requestid=1&deviceid=1&DEVICEID=2", 16),
        ("/webAPI.aspx?type=callupdate&requestid=1&deviceid=4678&keepdays=%00", 16),
        ("/webAPI.aspx?%ff%fe=&type=test&requestid=1x", 14),
    ];
    for (path, expected) in faults {
        assert_eq!(code(&curl(&program, path, &[])), expected, "{path}");
    }
    is_done(&curl(&program, "/WEBAPI.ASPX", &["-d", "type=test&requestid=1"]));
    let status = |path: &str, arguments: &[&str]| status(&program, path, arguments);
    let stop = "/webAPI.aspx?type=blackoutstart&requestid=1&deviceid=4678";
    assert_eq!(status(stop, &["-H", "Origin: http://evil.example"]), "403");
    assert_eq!(status(stop, &["-H", "Sec-Fetch-Site: cross-site"]), "403");
    assert_eq!(status(stop, &["-H", "Host: evil.example"]), "403");
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], false);
    assert_eq!((status("/", &[]), status(stop, &["-X", "PUT"])), ("404".to_owned(), "405".to_owned()));
    let much = program.setup.write("much", "a".repeat(70_000).as_bytes()).display().to_string();
    let answer =
        curl(&program, "/webAPI.aspx?type=test&requestid=1", &["--data-binary", &format!("@{much}")]);
    assert_eq!(code(&answer), 16);
}

/// The status with which the web face answers.
fn status(program: &Program, path: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(debian::program("curl", "curl"));
    command.args(["--silent", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    debian::run(command.args(arguments).arg(format!("http://{}{path}", program.address("web http://"))))
}

/// What browsers send for an image of a page in the clear, to an address that is not this machine's own: neither `Sec-Fetch-Site`
/// nor `Origin`.
const IMAGE_OF_A_PAGE: [&str; 2] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Accept-Language: en-US,en;q=0.9",
];

#[test]
fn an_image_of_any_page_stops_no_blackout_and_a_program_that_says_it_is_like_a_browser_does() {
    let program = start();
    let status = |headers: &[&str]| {
        let headers: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
        status(&program, "/webAPI.aspx?type=blackoutstop&requestid=1&agentid=1", &headers)
    };
    is_done(&ask(&program, "BLACKOUTSTART", &[("AGENTID", "1")]));
    let [browser, language] = IMAGE_OF_A_PAGE;
    for accepted in ["image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "text/html,*/*;q=0.8", "*/*"] {
        let accept = format!("Accept: {accepted}");
        for more in ["Referer: http://evil.example/", "Cookie: a=b"] {
            assert_eq!(status(&[browser, language, &accept, more]), "403", "{accept} {more}");
        }
    }
    // A page whose name was made to lead here is of the same origin, and no page of ours.
    let address = program.address("web http://");
    assert_eq!(status(&[browser, language, &format!("Origin: http://{address}")]), "403");
    assert_eq!(agent(&program.http, "4678")["BlackoutActive"], true);

    for program_says in [
        &["User-Agent: Mozilla/4.0 (compatible; Win32; WinHttp.WinHttpRequest.5)", language][..],
        &["User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1"],
        &["User-Agent: node", "Accept-Language: *", "Sec-Fetch-Mode: cors"],
        // Typed into a browser, to this machine or over TLS.
        &[browser, language, "Sec-Fetch-Site: none"],
    ] {
        is_done(&ask(&program, "BLACKOUTSTART", &[("AGENTID", "1")]));
        assert_eq!(status(program_says), "200", "{program_says:?}");
        assert_eq!(agent(&program.http, "4678")["BlackoutActive"], false, "{program_says:?}");
    }
}

#[test]
fn who_may_command_some_agents_only_is_told_by_the_web_face_of_no_other_whether_there_is_one() {
    let program = start();
    let url = program.http.url("");
    let (done, said) = sidetone(&url, None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let setup = admin_key(&program);
    let wanted = ["api-keys", "add", "desk", "--role", "integration", "--agent", "1"];
    let (done, said) = sidetone(&url, Some(&setup), &wanted, "");
    assert!(done, "{said}");
    let login = format!("Authorization: Bearer {}", key(&said));
    let told = |kind: &str, name: &str, value: &str| {
        let mut command = Command::new(debian::program("curl", "curl"));
        command.args(["--silent", "--show-error", "--max-time", "20", "--write-out", "%{http_code}"]);
        let path = format!("/webAPI.aspx?requestid=1&type={kind}&action=update&{name}={value}");
        debian::run(
            command.args(["-H", &login]).arg(format!("http://{}{path}", program.address("web http://"))),
        )
    };
    // Agent 3 by each name, and nobody.
    for (name, foreign, none) in [
        ("AGENTID", "3", "7"),
        ("USER_ID", "3", "7"),
        ("CRM_USER", "maja", "nobo"),
        ("SYS_USER", "LAB%5Crpike", "LAB%5Cnobod"),
        ("DEVICEID", "5003", "5009"),
    ] {
        for kind in [
            "CALLSTART",
            "CALLUPDATE",
            "CALLSTOP",
            "CALLLIST",
            "CHATSTART",
            "CHATUPDATE",
            "CHATSTOP",
            "RECORDSTART",
            "RECORDSTOP",
            "BLACKOUTSTART",
            "BLACKOUTSTOP",
            "IMPORTUSER",
        ] {
            let (of_foreign, of_none) = (told(kind, name, foreign), told(kind, name, none));
            assert_eq!(of_foreign, of_none, "{kind} by {name}");
            assert!(of_none.ends_with("403") && of_none.contains("desk"), "{of_none}");
        }
    }
}

#[test]
fn events_are_told_for_a_real_call_and_only_those_that_were_asked_for() {
    let program = start();
    let listen = || {
        let stream = TcpStream::connect(program.address("WFO XML events ")).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        std::io::BufReader::new(stream)
    };
    let line = |from: &mut std::io::BufReader<TcpStream>| {
        let mut line = String::new();
        std::io::BufRead::read_line(from, &mut line).expect("a line");
        assert!(line.ends_with("\r\n"), "{line:?}");
        line
    };
    let (mut all, mut some) = (listen(), listen());
    let ask = |from: &mut std::io::BufReader<TcpStream>, kind: &str, rest: &[(&str, &str)]| {
        from.get_mut().write_all(request(kind, rest).as_bytes()).expect("it reads");
        code(&line(from))
    };
    assert_eq!(ask(&mut all, "TEST", &[]), 20, "it is connected");
    assert_eq!(ask(&mut some, "EVENTREGISTER", &[("EVENTTYPES", "CALLSTART,NEWS")]), 30);
    assert_eq!(ask(&mut some, "EVENTREGISTER", &[]), 26);
    assert_eq!(ask(&mut some, "CALLSTART", &[("DEVICEID", "1")]), 10);
    assert_eq!(ask(&mut some, "EVENTREGISTER", &[("EVENTTYPES", "blackoutstop, CallStop")]), 20);

    let call = program.call(&["--agent-phone", "4678", "--seconds", "2"]);
    on_a_recorded_call(&program.http, "4678");
    is_done(&self::ask(&program, "BLACKOUTSTART", &[("DEVICEID", "4678")]));
    is_done(&self::ask(&program, "BLACKOUTSTOP", &[("DEVICEID", "4678")]));
    call.wait();
    is_done(&self::ask(&program, "CHATSTART", &[("DEVICEID", "5003"), ("USER1", "secret")]));
    let told: Vec<String> = (0..7).map(|_| line(&mut all)).collect();
    let kinds: Vec<&str> = told.iter().map(|event| element(event, "TYPE")).collect();
    assert_eq!(
        kinds,
        ["CALLSTART", "RECORDSTART", "BLACKOUTSTART", "BLACKOUTSTOP", "RECORDSTOP", "CALLSTOP", "CHATSTART"]
    );
    for event in &told[..6] {
        assert_eq!((element(event, "DEVICEID"), element(event, "AGENTID")), ("4678", "1"), "{event}");
        assert!(event.starts_with("<EVENT>") && event.ends_with("</EVENT>\r\n"), "{event}");
    }
    assert!(!told.concat().contains("secret"));
    assert_eq!(element(&line(&mut some), "TYPE"), "BLACKOUTSTOP");
    assert_eq!(element(&line(&mut some), "TYPE"), "CALLSTOP");
}

#[test]
fn no_value_and_no_query_is_in_the_log() {
    let program = with_xml(bare_setup().log("debug")).start();
    let secret = "4539578763621486";
    is_done(&ask(
        &program,
        "CALLSTART",
        &[("DEVICEID", "4678"), ("USER1", secret), (secret, "x")]
            .map(|(name, value)| (if name == secret { "A4539578763621486" } else { name }, value)),
    ));
    curl(&program, &format!("/webAPI.aspx?type=callupdate&requestid=1&deviceid=4678&user2={secret}"), &[]);
    ask(&program, &format!("T{secret}"), &[("USER1", secret)]);
    ask(&program, "CALLUPDATE", &[("DEVICEID", "4678"), ("KEEPDAYS", secret)]);
    ask_raw(&program, format!("{secret}\r\n").as_bytes());
    let log = wait_for("the commands are in the log", Duration::from_secs(10), || {
        let log = program.log();
        (log.matches("WFO XML command").count() >= 5).then_some(log)
    });
    assert!(!log.contains(secret) && !log.contains("deviceid=4678"), "{log}");
}

#[test]
fn the_face_is_off_unless_it_is_set_up_and_strangers_are_named_or_the_start_is_refused() {
    let log = setup().start().stop().log;
    assert!(!log.contains("WFO XML"), "{log}");
    let refused = |toml: &str| {
        let (status, said) = bare_setup().settings(toml).start_refused();
        assert!(!status.success());
        said
    };
    let open = refused("[wfo_xml]\nlisten = \"0.0.0.0:0\"\n");
    assert!(open.contains("wfo_xml.listen: 0.0.0.0:0 is heard outside this machine"), "{open}");
    assert!(open.contains("allow = [\"192.0.2.10\", \"10.20.0.0/16\"]"), "{open}");
    for key in ["events", "web"] {
        let open = refused(&format!("[wfo_xml]\n{key} = \"[::]:0\"\n"));
        assert!(open.contains(&format!("wfo_xml.{key}: [::]:0 is heard outside")), "{open}");
    }
    let idle = refused("[wfo_xml]\nallow = [\"192.0.2.1\"]\n");
    assert!(idle.contains("wfo_xml.allow: nothing is heard that it could allow"), "{idle}");
    let wrong = refused("[wfo_xml]\nlisten = \"127.0.0.1:0\"\nallow = [\"192.0.2.0/33\"]\n");
    assert!(wrong.contains("192.0.2.0/33"), "{wrong}");
    let unknown = refused("[wfo_xml]\nport = 5620\n");
    assert!(unknown.contains("port") && unknown.contains("line 2"), "{unknown}");
    let named = bare_setup().settings("[wfo_xml]\nlisten = \"0.0.0.0:0\"\nallow = [\"192.0.2.1\"]\n").start();
    let here = SocketAddr::from(([127, 0, 0, 1], port(&named).port()));
    is_done(&nc(here, &request("TEST", &[])));
}

#[test]
fn over_tls_the_web_face_shows_the_certificate_of_sip_and_keeps_a_slow_handshake_to_itself() {
    let setup = with_xml(bare_setup());
    let authority = Authority::new(&setup, "ca");
    let pair = authority.give("server", &["localhost", "127.0.0.1"]);
    let [certificate, key] = [&pair.certificate, &pair.key].map(|path| path.display().to_string());
    let anywhere = "127.0.0.1:0";
    let arguments = ["--sip-tls", anywhere, "--sip-tls-certificate", &certificate, "--sip-tls-key", &key];
    let with_tls = arguments.iter().fold(setup.clone(), |setup, argument| setup.argument(argument));
    let program = with_tls.argument("--wfo-xml-web-tls").argument(anywhere).start();
    let address = program.address("https://");
    let _silent = TcpStream::connect(address).expect("it listens");
    let mut command = Command::new(debian::program("curl", "curl"));
    command.args(["--silent", "--show-error", "--fail", "--max-time", "20", "--cacert"]).arg(&authority.file);
    let said = debian::run(command.arg(format!("https://{address}/webAPI.aspx?type=test&requestid=1")));
    is_done(&said);
    let without = setup.clone().argument("--wfo-xml-web-tls").argument(anywhere).start_refused().1;
    assert!(without.contains("wfo_xml.web_tls: it shows the certificate of SIP over TLS"), "{without}");
}
