//! The server on loopback, read byte by byte as a browser would.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use wardwatch_event_time::Timestamp;
use wardwatch_station::{BoardConfig, Running, ServerConfig, Station, StationError, Update, serve};

const SOON: Duration = Duration::from_secs(20);

async fn start() -> (Station, Running) {
    let station = Station::new(BoardConfig::default());
    let running = serve(ServerConfig::new(([127, 0, 0, 1], 0).into()), station.clone())
        .await
        .unwrap();
    (station, running)
}

fn tick(second: i64) -> Update {
    let now = Timestamp::from_millis(second * 1_000);
    Update::Tick {
        shard: 0,
        log_time: now,
        now,
        speed: 1.0,
        edit_refused: false,
    }
}

fn score(patient: &str, second: i64) -> Update {
    let at = Timestamp::from_millis(second * 1_000);
    let record = json!({
        "patient_id": patient, "bed": "B1", "window_end": at, "at": at, "revision": 0, "scores": [],
        "inputs": [{ "name": "spo2", "label": "SpO2", "value": 96.6, "unit": "%", "observed_at": at, "age_seconds": 0.0 }],
        "pipeline": "adult", "pipeline_version": 1,
    });
    Update::Score {
        shard: 0,
        record: serde_json::from_value(record).unwrap(),
    }
}

/// One request on a connection of its own, up to the end of the answer.
async fn ask(addr: SocketAddr, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    answer
}

/// A page: reads server-sent events. The sizes of HTTP's chunks stand between them, on lines that belong to no field.
struct Page {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// One server-sent event.
#[derive(Debug)]
struct Message {
    id: Option<String>,
    event: String,
    data: Value,
}

impl Page {
    async fn open(addr: SocketAddr, last_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let resume = last_id
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let request = format!("GET /events HTTP/1.1\r\nHost: {addr}\r\n{resume}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            bytes: Vec::new(),
        }
    }

    /// The next event that has data, or `None` when the stream has ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                let Some(data) = field("data: ") else { continue };
                let data = serde_json::from_str(&data).unwrap();
                return Some(Message {
                    id: field("id: "),
                    event: field("event: ").unwrap(),
                    data,
                });
            }
            let read = timeout(SOON, self.stream.read_buf(&mut self.bytes))
                .await
                .unwrap();
            read.ok().filter(|length| *length > 0)?;
        }
    }

    async fn wait_for(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Message {
        let search = async {
            loop {
                let message = self.next().await.expect("the stream goes on");
                if message.event == event && fits(&message.data) {
                    return message;
                }
            }
        };
        timeout(SOON, search)
            .await
            .unwrap_or_else(|_| panic!("no such {event}"))
    }

    /// The delta that brings this patient's evaluation of this second.
    async fn wait_for_tile(&mut self, patient: &str, second: i64) -> Message {
        let is_it = |tile: &Value| tile["patient"] == patient && tile["evaluated_at"] == second * 1_000;
        self.wait_for("delta", |data| {
            data["tiles"]
                .as_array()
                .is_some_and(|tiles| tiles.iter().any(is_it))
        })
        .await
    }
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for listen in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let station = Station::new(BoardConfig::default());
        let refused = serve(ServerConfig::new(listen.parse().unwrap()), station)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, StationError::NotLoopback { .. }),
            "{listen}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let (station, running) = start().await;
    let refused = serve(ServerConfig::new(running.addr()), station)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains(&running.addr().to_string()),
        "{refused}"
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_here() {
    let (_station, running) = start().await;
    let host = running.addr().to_string();
    for (path, status) in [
        ("/", "200"),
        ("/station.js", "200"),
        ("/tile.css", "200"),
        ("/favicon.ico", "404"),
    ] {
        let answer = ask(running.addr(), path, &host).await.to_lowercase();
        assert!(
            answer.starts_with(&format!("http/1.1 {status}")),
            "{path}: {answer}"
        );
        for header in [
            "content-security-policy: default-src 'self';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{path} lacks {header}");
        }
    }
    let page = ask(running.addr(), "/", &host).await;
    assert!(page.contains("Secondary notification. Not a medical device."));
    assert!(!page.contains("://"), "the page must load nothing from elsewhere");
}

#[tokio::test]
async fn a_request_for_another_host_is_refused() {
    let (_station, running) = start().await;
    for host in ["evil.example", "evil.example:80", "192.0.2.1", ""] {
        for path in ["/", "/events"] {
            let answer = ask(running.addr(), path, host).await;
            assert!(answer.starts_with("HTTP/1.1 421"), "{host}{path}: {answer}");
            assert!(answer.to_lowercase().contains("content-security-policy"));
        }
    }
    assert!(
        ask(running.addr(), "/", "localhost:1")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_page_gets_a_snapshot_then_what_changes_and_signs_of_life() {
    let (station, running) = start().await;
    station.publish(score("p1", 1));
    let mut page = Page::open(running.addr(), None).await;
    let first = page.next().await.unwrap();
    assert_eq!(first.event, "snapshot");
    assert_eq!(first.data["tiles"][0]["readings"][0]["value"], "97");

    station.publish(score("p2", 2));
    page.wait_for_tile("p2", 2).await;
    station.publish(Update::Discharged {
        patient_id: "p1".to_owned(),
    });
    page.wait_for("delta", |data| data["gone"][0] == "p1").await;
    station.publish(tick(60));
    let beat = page
        .wait_for("heartbeat", |data| data["feeds"][0]["log_time"] == 60_000)
        .await;
    assert!(beat.id.is_none(), "a page never asks for a heartbeat again");
}

#[tokio::test]
async fn a_page_that_blinked_resumes_and_one_from_before_a_restart_starts_over() {
    let (station, running) = start().await;
    let mut page = Page::open(running.addr(), None).await;
    page.next().await.unwrap();
    station.publish(score("p1", 1));
    let last = page.wait_for_tile("p1", 1).await.id.unwrap();
    station.publish(score("p2", 2));
    page.wait_for_tile("p2", 2).await;
    drop(page);

    let mut back = Page::open(running.addr(), Some(&last)).await;
    let missed = back.next().await.unwrap();
    assert_eq!(
        (missed.event.as_str(), &missed.data["tiles"][0]["patient"]),
        ("delta", &json!("p2"))
    );

    let (_other, restarted) = start().await;
    let mut stranger = Page::open(restarted.addr(), Some(&last)).await;
    assert_eq!(stranger.next().await.unwrap().event, "snapshot");
}

#[tokio::test]
async fn a_page_that_takes_no_bytes_is_dropped_and_the_others_are_unharmed() {
    let station = Station::new(BoardConfig::default());
    let config = ServerConfig {
        patience: Duration::from_millis(300),
        ..ServerConfig::new(([127, 0, 0, 1], 0).into())
    };
    let running = serve(config, station.clone()).await.unwrap();

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stuck = socket.connect(running.addr()).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", running.addr());
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut well = Page::open(running.addr(), None).await;
    well.next().await.unwrap();
    while station.pages() < 2 {
        sleep(Duration::from_millis(10)).await;
    }

    // Enough to fill the socket's buffers on both sides.
    let long = "x".repeat(100_000);
    let fill = async {
        let mut round = 0;
        while station.pages() > 1 {
            round += 1;
            let patient = format!("p{}{long}", round % 100);
            station.publish(score(&patient, round));
            well.wait_for_tile(&patient, round).await;
        }
    };
    timeout(Duration::from_secs(60), fill)
        .await
        .expect("the stuck page is dropped");
    station.publish(tick(9));
    well.wait_for("heartbeat", |data| data["feeds"][0]["log_time"] == 9_000)
        .await;
}

#[tokio::test]
async fn an_orderly_end_ends_the_streams() {
    let (station, running) = start().await;
    let addr = running.addr();
    let mut page = Page::open(addr, None).await;
    page.next().await.unwrap();
    station.publish(score("last", 1));
    timeout(Duration::from_secs(2), running.stop())
        .await
        .expect("no page holds up the end")
        .unwrap();
    page.wait_for_tile("last", 1).await;
    while page.next().await.is_some() {}
    assert!(TcpStream::connect(addr).await.is_err());
}
