//! Which requests are answered, and the headers of every answer.
//!
//! Without sign-in the loopback address is the only fence, and a web page from elsewhere can get its browser over it by
//! giving its own name our address (DNS rebinding). Such a request still carries the foreign name as its host: only
//! loopback names are answered.
//!
//! The page may load nothing but its own files and may be framed by nobody, so that patient data stays between station
//! and screen; nothing is cached.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Middleware around every route.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = if addressed_to_loopback(&request) {
        next.run(request).await
    } else {
        (
            StatusCode::MISDIRECTED_REQUEST,
            "This station answers on this machine only: use http://127.0.0.1\n",
        )
            .into_response()
    };
    add_headers(response.headers_mut());
    response
}

fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether every name that the request gives its destination is a loopback name. It has exactly one `Host`.
fn addressed_to_loopback(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let in_target = request
        .uri()
        .authority()
        .is_none_or(|authority| is_loopback(authority.as_str()));
    in_target && host.to_str().is_ok_and(is_loopback)
}

/// Whether `host`, with or without a port, is `localhost` or a loopback address.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    let name_fits = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    port_fits && name_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1:80",
            "127.0.0.1",
            "127.9.8.7:1",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        let strangers = [
            "",
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost:80x",
            "127.0.0.1:99999",
            "[::1",
            "[::2]:80",
            "user@localhost",
            "localhost:",
            "0.0.0.0",
        ];
        for host in strangers {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
