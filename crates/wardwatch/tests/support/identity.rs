//! A small identity provider: tokens for a client that knows its secret, signed as the broker of `kafka.sh secured` expects.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// The client it knows.
pub const CLIENT: (&str, &str) = ("engine", "oauth-secret");

/// For how many seconds a token is good.
const LIFETIME: u64 = 10;

/// A token endpoint on loopback.
pub struct IdentityProvider {
    pub url: String,
    /// How many tokens it gave.
    pub given: Arc<AtomicU32>,
}

// === impl IdentityProvider ===

impl IdentityProvider {
    /// Signs with this key.
    pub fn start(key: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let given = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&given);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                answer(client, &key, &counted);
            }
        });
        Self { url, given }
    }
}

fn answer(mut client: TcpStream, key: &Path, given: &AtomicU32) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    // The body says nothing that matters here; the head names the client.
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend(&part[..length]),
        }
    }
    let known = format!(
        "Basic {}",
        openssl(&["base64", "-A"], format!("{}:{}", CLIENT.0, CLIENT.1).as_bytes()).escape_ascii()
    );
    let (status, body) = if String::from_utf8_lossy(&request).contains(&known) {
        given.fetch_add(1, Ordering::Relaxed);
        let token = token(key);
        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{LIFETIME}}}"#);
        ("200 OK", body)
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).ok();
}

fn token(key: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (subject, expires) = (CLIENT.0, now + LIFETIME);
    let head = base64url(br#"{"alg":"RS256","typ":"JWT","kid":"test"}"#);
    let body = format!(r#"{{"sub":"{subject}","aud":"kafka","iat":{now},"exp":{expires}}}"#);
    let signed = format!("{head}.{}", base64url(body.as_bytes()));
    let key = key.to_str().unwrap();
    let signature = openssl(&["dgst", "-sha256", "-sign", key], signed.as_bytes());
    format!("{signed}.{}", base64url(&signature))
}

fn base64url(bytes: &[u8]) -> String {
    let text = String::from_utf8(openssl(&["base64", "-A"], bytes)).unwrap();
    text.replace('+', "-").replace('/', "_").replace('=', "")
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut process = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}
