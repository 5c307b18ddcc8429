//! Ports and addresses: is SIP answered where an SBC would call, can media get in.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use siprec::message::{Message, parse};

use super::report::Report;
use crate::caller::{local_address, reachable};
use crate::config::{Config, Unlisted};

/// How long an answer is waited for. A recorder takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pairs of media ports that are tried.
const PAIRS_TRIED: u16 = 100;

/// What was answered to OPTIONS.
enum Answered {
    Status(u16, String),
    Nothing(String),
}

/// Looks at the ports. Gives the address a call can be placed to.
pub(super) fn look(report: &mut Report, config: &Config, running: bool) -> Option<SocketAddr> {
    media_ports(report, config);
    advertised(report, config);
    if running {
        return answers(report, config);
    }
    for (what, address, udp) in
        [("sip", config.sip, true), ("sip", config.sip, false), ("http", config.http, false)]
    {
        free(report, what, address, udp);
    }
    None
}

fn answers(report: &mut Report, config: &Config) -> Option<SocketAddr> {
    let to = reachable(config.sip, config.sip_advertised);
    let mut taken = None;
    for (transport, answered) in [("UDP", ask_udp(to)), ("TCP", ask_tcp(to))] {
        match answered {
            Answered::Status(200, _) => {
                report.ok("sip", format!("{to} answers OPTIONS over {transport} with 200"));
                taken = Some(to);
            }
            Answered::Status(503, why) => {
                report.fail(
                    "sip",
                    format!("{to} answers OPTIONS over {transport} with 503 ({why}): new calls are refused"),
                    "see what is said of the recorder above",
                );
                taken = Some(to);
            }
            Answered::Status(status, why) => {
                report.fail(
                    "sip",
                    format!("{to} answers OPTIONS over {transport} with {status} ({why})"),
                    unlisted(config),
                );
            }
            Answered::Nothing(why) => {
                let todo = if config.unlisted != Unlisted::Strict {
                    unlisted(config)
                } else if local_address(to).is_ok_and(|own| own != to.ip()) {
                    "sip.advertised must be an address of this machine, or one that is translated to it: SBCs send SIP \
                     and media there"
                } else {
                    "is the recorder the one of these settings, and is no firewall between?"
                };
                report.fail("sip", format!("{to} does not answer OPTIONS over {transport}: {why}"), todo);
            }
        }
    }
    taken
}

fn unlisted(config: &Config) -> &'static str {
    match config.unlisted {
        Unlisted::Strict => "see `sidetone refusals`",
        Unlisted::Refuse | Unlisted::Silent => {
            "sip.unlisted keeps out whom no [[trunk]] lists, and this machine is not listed: an SBC that is not listed \
             sees the same. Add a trunk for the SBC, and one with networks = [\"127.0.0.1\"] for doctor"
        }
    }
}

/// Long enough that a refusal fits: to who is not listed no answer is longer than the question (F-SIP-2).
fn options(to: SocketAddr, from: SocketAddr, transport: &str) -> String {
    let id = format!("doctor-{}-{}", std::process::id(), from.port());
    format!(
        "OPTIONS sip:recorder@{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {from};rport;branch=z9hG4bK{id}{transport}\r\n\
         From: <sip:doctor@{from}>;tag={id}\r\nTo: <sip:recorder@{to}>\r\nCall-ID: {id}@{from}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nAccept: application/sdp\r\nUser-Agent: sidetone doctor\r\n\
         Subject: would a recording client at this address be served?\r\nContent-Length: 0\r\n\r\n"
    )
}

fn ask_udp(to: SocketAddr) -> Answered {
    let ask = || -> std::io::Result<Vec<u8>> {
        let local = local_address(to).map_err(std::io::Error::other)?;
        let socket = UdpSocket::bind((local, 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(to)?;
        socket.send(options(to, socket.local_addr()?, "UDP").as_bytes())?;
        let mut answer = vec![0; 65_535];
        let count = socket.recv(&mut answer)?;
        answer.truncate(count);
        Ok(answer)
    };
    answered(ask())
}

fn ask_tcp(to: SocketAddr) -> Answered {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(options(to, stream.local_addr()?, "TCP").as_bytes())?;
        let mut answer = Vec::new();
        let mut piece = [0; 4_096];
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") && answer.len() < 65_535 {
            match stream.read(&mut piece)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(&piece[..count]),
            }
        }
        Ok(answer)
    };
    answered(ask())
}

fn answered(answer: std::io::Result<Vec<u8>>) -> Answered {
    match answer {
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Answered::Nothing(format!("nothing came within {} s", PATIENCE.as_secs()))
        }
        Err(error) => Answered::Nothing(error.to_string()),
        Ok(bytes) => match parse(&bytes) {
            Ok(Message::Response(response)) => Answered::Status(response.status, response.reason),
            _ => Answered::Nothing("what came is no SIP: another program has this port".to_owned()),
        },
    }
}

/// Whether a port could be taken, where no recorder has it.
fn free(report: &mut Report, what: &'static str, address: SocketAddr, udp: bool) {
    let transport = if udp { "UDP" } else { "TCP" };
    let bound = if udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) };
    match bound {
        Ok(()) => report.ok(what, format!("{address} is free for {transport}")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let holder = holder(address.port(), udp).map_or(String::new(), |who| format!(" ({who})"));
            let said = format!("{address} is taken over {transport} by another program{holder}");
            report.fail(what, said, format!("stop that program, or move the recorder with {what}.listen"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
            let said = format!("{} is no address of this machine", address.ip());
            report.fail(what, said, format!("set {what}.listen to one of its own"));
        }
        Err(error) => {
            let todo = format!("set {what}.listen to an address and port that the recorder may take");
            report.fail(what, format!("{address} cannot be taken over {transport}: {error}"), todo);
        }
    }
}

/// Who holds a port, as far as `/proc` tells: name and process id.
fn holder(port: u16, udp: bool) -> Option<String> {
    let kind = if udp { "udp" } else { "tcp" };
    let tables = [format!("/proc/net/{kind}"), format!("/proc/net/{kind}6")];
    let wanted = format!(":{port:04X}");
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let listens = udp || words.get(3) == Some(&"0A");
            (words.get(1)?.ends_with(&wanted) && listens)
                .then(|| format!("socket:[{}]", words.get(9).unwrap_or(&"")))
        })
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let holds = |process: &fs::DirEntry| {
        let files = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| inodes.iter().any(|it| link.as_os_str() == it.as_str()))
    };
    let found = processes.find(holds)?;
    let name = fs::read_to_string(found.path().join("comm")).ok()?;
    Some(format!("{}, process {}", name.trim(), found.file_name().to_string_lossy()))
}

fn advertised(report: &mut Report, config: &Config) {
    let address = config.sip_advertised.unwrap_or(config.sip.ip());
    let wanted = "set sip.listen, and sip.advertised where it differs, to what SBCs reach this machine by";
    if address.is_unspecified() {
        report.fail("address", format!("peers are told {address}, which leads nowhere"), wanted);
    } else if address.is_loopback() && !config.sip.ip().is_loopback() {
        report.fail("address", format!("peers are told {address}, which leads every SBC to itself"), wanted);
    } else if address.is_loopback() {
        report.warn(
            "address",
            format!("SIP is heard on {address} only: no SBC on another machine can call"),
            wanted,
        );
    } else if UdpSocket::bind((address, 0)).is_err() {
        report.warn(
            "address",
            format!("peers are told {address}, which is no address of this machine"),
            "fine behind a translator that leads it here, for SIP and all media ports; else set sip.advertised",
        );
    } else {
        let kind = if is_private(address) {
            "a private address: SBCs must be in its network"
        } else {
            "a public address"
        };
        report.ok("address", format!("peers are told {address}, {kind}"));
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn media_ports(report: &mut Report, config: &Config) {
    let pairs = u16::try_from(config.rtp_ports.pairs()).unwrap_or(u16::MAX);
    let tried = pairs.min(PAIRS_TRIED);
    let step = (pairs / tried.max(1)).max(1);
    let taken = (0..tried).filter(|index| {
        let port = config.rtp_ports.pair(index * step);
        let bind = |port| UdpSocket::bind((config.sip.ip(), port));
        bind(port).is_err() || bind(port + 1).is_err()
    });
    let taken = taken.count();
    let (first, last) = (config.rtp_ports.pair(0), config.rtp_ports.pair(pairs.saturating_sub(1)) + 1);
    let said = format!("of {tried} pairs tried between {first} and {last}, {taken} are in use");
    let todo = "choose another range with media.ports";
    if taken == usize::from(tried) {
        report.fail("media ports", said, todo);
    } else if taken > usize::from(tried) / 4 {
        report.warn("media ports", said, todo);
    } else {
        report.ok("media ports", said);
    }
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ends: Vec<u16> = range.split_whitespace().filter_map(|end| end.parse().ok()).collect();
    if let [from, to] = ends[..]
        && first <= to
        && last >= from
    {
        report.warn(
            "media ports",
            format!(
                "the system takes ports from {from} to {to} for other programs' connections, which overlaps"
            ),
            "choose a range below, or reserve it with net.ipv4.ip_local_reserved_ports",
        );
    }
}
