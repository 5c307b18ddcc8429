//! The wire of the built program: large datagrams, IPv6, floods of connections, keepalives.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use sim::sip::{Line, Offer, Session, Stream, Transport, metadata};

use super::{legs, on_a_recorded_call, sealed, setup, tone_share};

#[test]
fn an_invite_of_sixty_kibibytes_in_one_datagram_is_recorded_and_its_answer_comes_back() {
    let program = setup().start();
    let ports = [0, 0].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let mut document = metadata("4678").into_bytes();
    let at = document.len() - "</recording>\n".len();
    let padding = format!("<!--{}-->\n", "x".repeat(58 * 1024));
    document.splice(at..at, padding.into_bytes());
    let streams = vec![Stream::g711("1", ports[0]), Stream::g711("2", ports[1])];
    let offer = Offer::new(streams, document);
    let line = Line::open(program.sip, Transport::Udp);
    assert!((60_000..65_507).contains(&offer.invite(&line).len()), "{}", offer.invite(&line).len());
    let session = Session::open(program.sip, Transport::Udp, offer).unwrap();
    let agent = on_a_recorded_call(&program.http, "4678");
    assert_eq!(agent["ActiveCall"]["Recordings"].as_array().map(Vec::len), Some(1), "{agent}");
    assert_eq!(session.bye(), 200);
    sealed(&program.http, 1);
}

#[test]
fn a_call_over_ipv6_is_recorded_from_signalling_to_sound() {
    let program = setup().argument("--sip").argument("[::1]:0").start();
    for transport in ["udp", "tcp"] {
        let to = format!("sip:{};transport={transport}", program.sip);
        program.call(&["--to", &to, "--seconds", "2"]).wait();
    }
    for found in sealed(&program.http, 2) {
        let sides = legs(&program.http, &found);
        for (side, hz) in sides.iter().zip([440.0, 880.0]) {
            assert!(tone_share(&side[side.len() / 4..side.len() / 2], hz) > 0.9, "{hz} Hz");
        }
    }
}

#[test]
fn an_ipv4_peer_of_a_socket_for_both_families_is_served_as_what_it_is() {
    let program = setup()
        .argument("--sip")
        .argument("[::]:0")
        .settings(
            "[sip]\nadvertised = \"127.0.0.1\"\nunlisted = \"refuse\"\n\
             [[trunk]]\nname = \"four\"\nnetworks = [\"127.0.0.1\"]\n",
        )
        .start();
    let port = program.sip.port();
    for transport in ["udp", "tcp"] {
        let to = format!("sip:127.0.0.1:{port};transport={transport}");
        program.call(&["--to", &to, "--seconds", "1"]).wait();
    }
    for found in sealed(&program.http, 2) {
        assert_eq!(found["completeness"], "complete", "{found}");
    }
}

#[test]
fn one_address_that_floods_connections_keeps_no_other_out() {
    let program = setup().settings("[sip]\nconnections_per_address = 100\n").start();
    let options = "OPTIONS sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKo\r\n\
                   From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: flood\r\nCSeq: 1 OPTIONS\r\n\
                   Content-Length: 0\r\n\r\n";
    let heard = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let mut buffer = [0; 2048];
        stream.read(&mut buffer).map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned())
    };
    // Each of them speaks, so that it is no silent one.
    let mut flood = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(program.sip).unwrap();
        stream.write_all(options.as_bytes()).unwrap();
        assert!(heard(&mut stream).unwrap().starts_with("SIP/2.0 200"));
        flood.push(stream);
    }
    let mut one_more = TcpStream::connect(program.sip).unwrap();
    let _ = one_more.write_all(options.as_bytes());
    // Closed at once: nothing, or a reset where our bytes came too late.
    assert_eq!(heard(&mut one_more).unwrap_or_default(), "");
    let mut other = socket_from("127.0.0.5", program.sip);
    other.write_all(options.as_bytes()).unwrap();
    assert!(heard(&mut other).unwrap().starts_with("SIP/2.0 200"));
    // RFC 5626 section 4.4.1: a double line break asks whether the connection lives.
    other.write_all(b"\r\n\r\n").unwrap();
    assert_eq!(heard(&mut other).unwrap(), "\r\n");
    program.call(&["--seconds", "1"]).wait();
    sealed(&program.http, 1);
}

/// A connection that comes from this address.
fn socket_from(from: &str, to: std::net::SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}
